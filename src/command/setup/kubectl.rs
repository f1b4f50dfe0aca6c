//! `setup kubectl [USER]`: a user of the kubeconfig, applied by `kubectl config`.

use super::{Outcome, Words, tool};
use crate::error::Error;
use crate::text::shell_word;

/// What the user is told by kubectl where the program is not installed.
const INSTALL_HINT: &str = "ws1-token is not installed, or not on PATH";

/// Prints or applies the user.
pub(super) fn run(words: &Words<'_>, user: &str, write: bool) -> Result<Outcome, Error> {
    if !write {
        return Ok(Outcome::answer(text(words, user)));
    }
    // kubectl before 1.30 cannot say how a v1 plugin interacts, and refuses v1 without it.
    let help = tool("kubectl", &["config", "set-credentials", "--help"])?;
    let modern = help.contains("--exec-interactive-mode");
    let args = arguments(words, user, modern);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let before = users();
    let said = tool("kubectl", &args)?;
    Ok(Outcome::answer(if users() == before { format!("user \"{user}\" is set already\n") } else { said }))
}

/// The kubeconfig as kubectl shows it, secrets redacted.
fn users() -> String {
    tool("kubectl", &["config", "view", "--output", "json"]).unwrap_or_default()
}

/// The arguments for kubectl.
fn arguments(words: &Words<'_>, user: &str, modern: bool) -> Vec<String> {
    let version = if modern { "v1" } else { "v1beta1" };
    let mut args: Vec<String> =
        ["config", "set-credentials", user, "--exec-command=ws1-token", "--exec-arg=kubectl"].map(str::to_owned).into();
    if !words.profile_option.is_empty() {
        args.extend(["--exec-arg=--profile".to_owned(), format!("--exec-arg={}", words.profile.name)]);
    }
    args.push(format!("--exec-api-version=client.authentication.k8s.io/{version}"));
    if modern {
        args.push("--exec-interactive-mode=Never".to_owned());
    }
    args
}

/// The command, and the same as YAML.
fn text(words: &Words<'_>, user: &str) -> String {
    let list = if words.profile_option.is_empty() {
        "[\"kubectl\"]".to_owned()
    } else {
        format!("[\"kubectl\", \"--profile\", \"{}\"]", words.profile.name)
    };
    format!(
        "kubectl {}\n\n# or in the kubeconfig:\nusers:\n- name: {user}\n  user:\n    exec:\n      \
         apiVersion: client.authentication.k8s.io/v1\n      command: ws1-token\n      args: {list}\n      \
         interactiveMode: Never\n      provideClusterInfo: false\n      installHint: \"{INSTALL_HINT}\"\n",
        arguments(words, user, true).iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
    )
}
