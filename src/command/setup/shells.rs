//! The texts for Windows' own shells, cmd and PowerShell.

use super::Recipe;
use crate::error::Error;

/// A word that cmd and PowerShell read alike.
fn word(text: &str) -> Result<String, Error> {
    if text.contains(['"', '%', '$', '`']) {
        let cause = "it holds `\"`, `%`, `$` or a backquote, which cmd and PowerShell read in different ways";
        return Err(Error::unusable("a name or path of the command", cause, "choose a name or path without them"));
    }
    Ok(format!("\"{text}\""))
}

/// A path as cmd's own commands read it.
fn file(text: &str) -> Result<String, Error> {
    word(&text.replace('/', "\\"))
}

/// Words as a command: the program in quotes, and of the others those that need them.
fn line(words: &[&str]) -> Result<String, Error> {
    let is_plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-:=\\".contains(&byte))
    };
    let shown = words
        .iter()
        .enumerate()
        .map(|(at, text)| if at > 0 && is_plain(text) { Ok((*text).to_owned()) } else { word(text) });
    Ok(shown.collect::<Result<Vec<_>, _>>()?.join(" "))
}

impl Recipe<'_> {
    /// curl, by itself.
    pub(super) fn curl_on_windows(&self, base: &str, route: &str) -> Result<String, Error> {
        Ok(format!(
            "# the tenant's API, or a host of `hosts` (in cmd without the `&`):\n& {} {route} --silent\n\
             # curl itself:\n& {} | curl.exe --config - {base}{route}\n",
            line(&self.words(&["curl"]))?,
            line(&self.words(&["get", "--format", "curl"]))?,
        ))
    }

    /// Bazel: a batch file has the options.
    pub(super) fn bazel_on_windows(&self, host: &str) -> Result<String, Error> {
        Ok(format!(
            "rem tools\\ws1-credential-helper.bat:\n@{} %*\n\n\
             # .bazelrc:\ncommon --credential_helper={host}=%workspace%/tools/ws1-credential-helper.bat\n",
            line(&self.words(&["bazel"]))?
        ))
    }

    /// Terraform: Windows lets only administrators make links, so the helper is a copy. `settings` is `%APPDATA%`.
    pub(super) fn terraform_on_windows(&self, settings: &str, helper: &str) -> Result<String, Error> {
        let (settings, plugins) = (settings.replace('/', "\\"), format!("{settings}\\terraform.d\\plugins"));
        Ok(format!(
            "# cmd or PowerShell; copy it again after every upgrade:\nmkdir {}\ncopy {} {}\n\n\
             # {settings}\\terraform.rc:\n{helper}",
            file(&plugins)?,
            file(&self.program)?,
            file(&format!("{plugins}\\terraform-credentials-ws1.exe"))?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_both_shells_read_alike() {
        let line = |words: &[&str]| line(words).map_err(|error| error.exit_code());
        let words = ["C:/a b/x.exe", "--profile", "prod", "--cache-dir", "C:/a b", "D:\\c", ""];
        assert_eq!(line(&words).unwrap(), r#""C:/a b/x.exe" --profile prod --cache-dir "C:/a b" D:\c """#);
        for odd in ["a\"b", "%PATH%", "$x", "a`b"] {
            assert_eq!(line(&["x", odd]), Err(2), "{odd}");
            assert_eq!(line(&[odd]), Err(2), "{odd}");
        }
    }
}
