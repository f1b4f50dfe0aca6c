//! The ends of the help pages: examples, and what no option text says.

/// End of the main help page.
pub(super) const MAIN: &str = "\
Examples:
  ws1-token login                                  make a profile
  ws1-token get                                    print the token of the default profile
  ws1-token curl /SAAS/jersey/manager/api/scim/Users
  ws1-token --profile prod exec -- ./report.sh     with the token in WS1_ACCESS_TOKEN
  ws1-token doctor                                 when something is wrong

There is no option that takes a secret: it comes from a file, the environment or a command, as the
profile says. Configuration: ws1-token/config.json in your configuration directory.
Exit status: 0 answered, 1 system failure, 2 change the command or the profile, 3 retry later,
4 the tenant denied the client, 5 the tenant did not answer with a usable token.";

/// End of the page of `get`.
pub(super) const GET: &str = "\
Examples:
  TOKEN=$(ws1-token get)
  curl -K <(ws1-token get --format curl) https://acme.example.com/SAAS/jersey/manager/api/scim/Users
  ws1-token get --min-ttl 30m --format json
  ws1-token get --output /run/prometheus/ws1.token";

/// End of the page of `kubectl`.
pub(super) const KUBECTL: &str = "\
Example:
  kubectl config set-credentials ws1 --exec-command=ws1-token --exec-arg=kubectl \\
    --exec-api-version=client.authentication.k8s.io/v1 --exec-interactive-mode=Never

The profile comes from --profile (a further --exec-arg), or from `profile` in the cluster's
client.authentication.k8s.io/exec extension where provideClusterInfo is on.";

/// End of the page of `git`.
pub(super) const GIT: &str = "\
Example:
  git config --global credential.https://git.example.com.helper \"$(command -v ws1-token) git\"

It answers for the tenant's own host and for `hosts` of the profile, and for no other.
For git 2.46 to 2.53 also set http.https://git.example.com/.postBuffer 52428800: those versions
drop the token from pushes larger than that buffer.";

/// End of the page of `bazel`.
pub(super) const BAZEL: &str = "\
Bazel's option takes a path without arguments, so give it the link bazel-credential-ws1 (.bazelrc):
  common --credential_helper=build.example.com=/path/to/bazel-credential-ws1

It reads {\"uri\": URL} on standard input. A URL that is neither the tenant's nor of `hosts` of the
profile is an error.";

/// End of the page of `terraform`.
pub(super) const TERRAFORM: &str = "\
Link terraform-credentials-ws1 in ~/.terraform.d/plugins to ws1-token, and in ~/.terraformrc:
  credentials_helper \"ws1\" { args = [\"--profile\", \"prod\"] }

It answers for the tenant's own host and for `hosts` of the profile, and for no other.";

/// End of the page of `google`.
pub(super) const GOOGLE: &str = "\
In the credential configuration, with GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1:
  \"credential_source\": { \"executable\": { \"command\": \"/path/to/ws1-token google\" } }

A failure is an answer too, with exit status 0: the libraries read its message from there.";

/// End of the page of `curl`.
pub(super) const CURL: &str = "\
Examples:
  ws1-token curl /SAAS/jersey/manager/api/scim/Users --silent
  ws1-token curl https://api.example.com/v1/jobs -X POST -d @job.json

The exit status is curl's. Your .curlrc is not read. Arguments that would show the token or hand it
to another host are refused: -v, -k, --location-trusted, a further URL before --next.";

/// End of the page of `exec`.
pub(super) const EXEC: &str = "\
Examples:
  ws1-token exec -- ./report.sh
  ws1-token exec --var TF_VAR_token -- terraform apply

The exit status is the command's. The token stays valid for as long as `ws1-token get` says; a
command that runs for hours should ask again.";

/// End of the page of `login`.
pub(super) const LOGIN: &str = "\
Examples:
  ws1-token login                                  asks for tenant, client ID, secret and scopes
  ws1-token login prod --tenant acme.example.com --client-id ci-bot
  pass show ci-bot | ws1-token login prod --tenant acme.example.com --client-id ci-bot --secret-stdin
  ws1-token login insights --import ~/Downloads/service-account.json

The tenant may be pasted from the browser. Nothing is stored before the tenant has issued a token;
other profiles and the order of the file stay as they are.";

/// End of the page of `logout`.
pub(super) const LOGOUT: &str = "\
Examples:
  ws1-token logout
  ws1-token logout prod --revoke

The profile stays, so that `ws1-token login prod` asks for the secret alone. A secret that login did
not store (another file, a variable, a command) is left alone.";

/// End of the page of `forget`.
pub(super) const FORGET: &str = "\
Examples:
  ws1-token forget                                 the next call gets a new token
  ws1-token forget --all";

/// End of the page of `status`.
pub(super) const STATUS: &str = "\
Examples:
  ws1-token status
  ws1-token status --json | jq -r '.[] | select(.token != \"fresh\") | .profile'";

/// End of the page of `whoami`.
pub(super) const WHOAMI: &str = "\
Examples:
  ws1-token whoami
  ws1-token --profile prod whoami --json

The claims are read from the cached token. Nothing is verified: that is the business of whoever
accepts the token.";

/// End of the page of `doctor`.
pub(super) const DOCTOR: &str = "\
Examples:
  ws1-token doctor
  ws1-token --tenant acme.example.com doctor       before there is any configuration

The exit status is that of the worst line; a warning (!) leaves it 0.";

/// End of the page of `setup`.
pub(super) const SETUP: &str = "\
Examples:
  ws1-token setup git git.example.com
  ws1-token --profile prod setup kubectl --write

A profile that is named here is named in the configuration too. Applied twice, the second time changes nothing.";

/// End of the page of `completions`.
pub(super) const COMPLETIONS: &str = "\
Example:
  ws1-token completions bash > ~/.local/share/bash-completion/completions/ws1-token";
