//! `setup kubectl [USER]`: a user of the kubeconfig, applied by `kubectl config`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Outcome, Recipe, csv_field, is_ours, items, quoted, shell_line};
use crate::cli::Setup;
use crate::context::Context;
use crate::error::Error;
use crate::text::shell_word;

/// The hint that kubectl prints if the program is not there.
const INSTALL_HINT: &str = "ws1-token is not where this kubeconfig says";

/// The version that every client reads, those that ask for none included.
const VERSION: &str = "client.authentication.k8s.io/v1beta1";

/// Settings of a user that are no credentials.
const NO_CREDENTIALS: [&str; 6] = ["exec", "as", "as-uid", "as-groups", "as-user-extra", "extensions"];

/// A user of the kubeconfig, as it is to be.
struct User<'a> {
    /// Runs kubectl.
    recipe: &'a Recipe<'a>,
    /// Its name.
    name: &'a str,
    /// The command and its arguments.
    words: Vec<&'a str>,
}

/// Prints or applies the user entry, or takes it back.
pub(super) fn run(recipe: &Recipe<'_>, context: &Context<'_>, args: &Setup) -> Result<Outcome, Error> {
    let name = args.host.as_deref().unwrap_or("ws1");
    if name.is_empty() || name.starts_with('-') || name.contains(char::is_control) {
        let cause = "it is empty, begins with a dash or holds a control character";
        return Err(Error::unusable("the user name", cause, "choose another name"));
    }
    let mut words = vec![recipe.program.as_str(), "kubectl"];
    words.extend(recipe.options.iter().map(String::as_str));
    if is_below_kubeconfig(context, &recipe.program) {
        words.insert(0, "/usr/bin/env");
    }
    let user = User { recipe, name, words };
    let said = if args.undo {
        user.remove()?
    } else if args.write {
        user.set()?
    } else {
        user.text()
    };
    Ok(Outcome::answer(said))
}

/// Whether the program is below a kubeconfig's directory. kubectl stores the path of such a command as relative to that
/// directory, which only its own library understands: env(1), which is nowhere near, can run it by its whole path.
fn is_below_kubeconfig(context: &Context<'_>, program: &str) -> bool {
    let files = kubeconfigs(context);
    cfg!(unix) && files.iter().filter_map(|file| file.parent()).any(|dir| Path::new(program).starts_with(dir))
}

/// The kubeconfigs of this environment, whether they exist or not.
pub(crate) fn kubeconfigs(context: &Context<'_>) -> Vec<PathBuf> {
    let sources = context.sources;
    let list = (sources.env)("KUBECONFIG").unwrap_or_default();
    let files = std::env::split_paths(&list).filter(|file| !file.as_os_str().is_empty());
    let files: Vec<PathBuf> = files.map(|file| sources.absolute(file)).collect();
    let usual = || sources.home.map(|home| home.join(".kube/config"));
    if files.is_empty() { usual().into_iter().collect() } else { files }
}

impl User<'_> {
    /// Sets the entry unless it is there already.
    fn set(&self) -> Result<String, Error> {
        let Self { recipe, name, .. } = self;
        // kubectl before 1.30 cannot set it; IfAvailable, the default of v1beta1, does no harm.
        let help = recipe.tool("kubectl", &["config", "set-credentials", "--help"])?;
        let has_mode = help.contains("--exec-interactive-mode");
        if let Some(entry) = self.entry()? {
            if let Some(key) = self.foreign_credential(&entry) {
                let property = shell_word(&format!("users.{name}.{key}"));
                let what = format!("user `{name}` of the kubeconfig has another credential: `{key}`");
                return Err(Error::usage(what).hint(format!(
                    "run `kubectl config unset {property}`, or choose another user: `ws1-token setup kubectl NAME --write`"
                )));
            }
            let is_set = entry.get("exec").is_some_and(|exec| {
                let is_mode = !has_mode || exec["interactiveMode"] == "Never";
                is_mode && exec["apiVersion"] == VERSION && command(exec) == self.words
            });
            if is_set {
                return Ok(format!("user \"{name}\" is set already\n{}", self.next_steps()));
            }
        }
        let args = self.arguments(has_mode);
        let said = recipe.tool("kubectl", &args.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(said + &self.next_steps())
    }

    /// How to try the user, and how to make it that of the current context.
    fn next_steps(&self) -> String {
        let user = shell_word(&format!("--user={}", self.name));
        format!("next\n  kubectl {user} auth whoami\n  kubectl config set-context --current {user}\n")
    }

    /// Removes the command, and the entry with it where it holds nothing else.
    fn remove(&self) -> Result<String, Error> {
        let Self { recipe, name, .. } = self;
        let Some(entry) = self.entry()?.filter(|entry| entry.contains_key("exec")) else {
            return Ok(format!("user \"{name}\" has no command: nothing to remove\n"));
        };
        if self.foreign_credential(&entry) == Some("exec") {
            return Err(Error::usage(format!("user `{name}` of the kubeconfig runs another program"))
                .hint("name the user that runs ws1-token: `ws1-token setup kubectl NAME --undo`"));
        }
        let whole = format!("users.{name}");
        let property = if entry.len() == 1 { whole } else { format!("{whole}.exec") };
        recipe.tool("kubectl", &["config", "unset", &property]).map(|_| format!("removed {property}\n"))
    }

    /// The entry of the kubeconfig, its secrets left out by kubectl.
    fn entry(&self) -> Result<Option<Map<String, Value>>, Error> {
        let text = self.recipe.tool("kubectl", &["config", "view", "--output", "json"])?;
        let mut config: Value = serde_json::from_str(&text).unwrap_or_default();
        let users = config["users"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let found = users.into_iter().find(|user| user["name"] == self.name);
        Ok(found.and_then(|mut user| user["user"].as_object_mut().map(std::mem::take)))
    }

    /// The first setting that is a credential other than a command of ours. Clients prefer most of them to it.
    fn foreign_credential<'e>(&self, entry: &'e Map<String, Value>) -> Option<&'e str> {
        let is_ours = entry.get("exec").is_none_or(|exec| match command(exec)[..] {
            ["/usr/bin/env", program, "kubectl", ..] | [program, "kubectl", ..] => {
                is_ours(program) || program == self.recipe.program
            }
            _ => false,
        });
        let mut keys = entry.keys().map(String::as_str);
        if is_ours { keys.find(|key| !NO_CREDENTIALS.contains(key)) } else { Some("exec") }
    }

    /// The arguments for kubectl, which reads each `--exec-arg` as CSV.
    fn arguments(&self, has_mode: bool) -> Vec<String> {
        let mut args: Vec<String> = ["config", "set-credentials", self.name].map(str::to_owned).into();
        args.push(format!("--exec-command={}", self.words[0]));
        args.extend(self.words[1..].iter().map(|word| format!("--exec-arg={}", csv_field(word, ','))));
        args.push(format!("--exec-api-version={VERSION}"));
        args.extend(has_mode.then(|| "--exec-interactive-mode=Never".to_owned()));
        args
    }

    /// The command, and the same as YAML.
    fn text(&self) -> String {
        format!(
            "kubectl {}\n# before kubectl 1.30: without --exec-interactive-mode\n\n# or in the kubeconfig:\nusers:\n\
             - name: {}\n  user:\n    exec:\n      apiVersion: {VERSION}\n      command: {}\n      args: [{}]\n      \
             interactiveMode: Never\n      provideClusterInfo: false\n      installHint: \"{INSTALL_HINT}\"\n",
            shell_line(self.arguments(true).iter().map(String::as_str)),
            quoted(self.name),
            quoted(self.words[0]),
            items(self.words[1..].iter().copied())
        )
    }
}

/// The command of an exec section, with its arguments.
fn command(exec: &Value) -> Vec<&str> {
    let args = exec["args"].as_array().into_iter().flatten();
    std::iter::once(&exec["command"]).chain(args).filter_map(Value::as_str).collect()
}
