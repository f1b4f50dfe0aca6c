//! `setup kubectl [USER]`: a user of the kubeconfig, applied by `kubectl config`.

use super::{Outcome, Recipe, items, shell_line};
use crate::error::Error;

/// The hint that kubectl prints if the program is not installed.
const INSTALL_HINT: &str = "ws1-token is not installed, or not on PATH";

/// Prints or applies the user entry.
pub(super) fn run(recipe: &Recipe<'_>, user: &str, write: bool) -> Result<Outcome, Error> {
    if !write {
        return Ok(Outcome::answer(text(recipe, user)));
    }
    // kubectl before 1.30 cannot say how a v1 plugin interacts, and refuses v1 without it.
    let modern = recipe.tool("kubectl", &["config", "set-credentials", "--help"])?.contains("--exec-interactive-mode");
    let args = arguments(recipe, user, modern);
    let users = || recipe.tool("kubectl", &["config", "view", "--output", "json"]).unwrap_or_default();
    let before = users();
    let said = recipe.tool("kubectl", &args.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(Outcome::answer(if users() == before { format!("user \"{user}\" is set already\n") } else { said }))
}

/// The arguments for kubectl.
fn arguments(recipe: &Recipe<'_>, user: &str, modern: bool) -> Vec<String> {
    let version = if modern { "v1" } else { "v1beta1" };
    let mut args: Vec<String> =
        ["config", "set-credentials", user, "--exec-command=ws1-token", "--exec-arg=kubectl"].map(str::to_owned).into();
    args.extend(recipe.profile_args.iter().map(|arg| format!("--exec-arg={arg}")));
    args.push(format!("--exec-api-version=client.authentication.k8s.io/{version}"));
    if modern {
        args.push("--exec-interactive-mode=Never".to_owned());
    }
    args
}

/// The command, and the same as YAML.
fn text(recipe: &Recipe<'_>, user: &str) -> String {
    let list = items(std::iter::once("kubectl").chain(recipe.profile_args.iter().map(String::as_str)));
    format!(
        "kubectl {}\n\n# or in the kubeconfig:\nusers:\n- name: {user}\n  user:\n    exec:\n      \
         apiVersion: client.authentication.k8s.io/v1\n      command: ws1-token\n      args: [{list}]\n      \
         interactiveMode: Never\n      provideClusterInfo: false\n      installHint: \"{INSTALL_HINT}\"\n",
        shell_line(arguments(recipe, user, true).iter().map(String::as_str))
    )
}
