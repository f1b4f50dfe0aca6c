//! The tenant: issues tokens, rotates refresh tokens, notices reuse, and fails in every way that a script can say.

use std::collections::{HashMap, HashSet};

use super::LIFE;
use crate::endpoint::RequestError;
use crate::error::Error;
use crate::failure::{ErrorCode, FailureKind, RequestFailure};
use crate::grant::{Grant, TokenResponse};
use crate::secret::Secret;

/// Life in seconds of a token that the tenant makes short.
const SHORT: i64 = 20;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Good,
    /// Good, after four seconds.
    Slow,
    /// Good, without a refresh token: the one that was sent stays good.
    NoRefresh,
    /// Good, but the token lives for twenty seconds only.
    Short,
    /// The newest access token once more.
    Again,
    /// The tenant issues tokens, but the answer is lost.
    Lost,
    /// The same, and the caller waits until its time is over.
    TooLate,
    /// The connection breaks, and the request arrives after the next one.
    Overtaken,
    /// The request never arrives, and the caller waits until its time is over.
    Never,
    /// No connection.
    Unreachable,
    /// 401 `invalid_client`.
    Denied,
    /// 401 `invalid_token`, which some servers say to a refresh token.
    DeniedToken,
    /// The system refuses a thread or a socket: nothing is sent.
    Local,
    /// 503.
    Failed,
    /// 429.
    Limited,
    /// HTML.
    Unusable,
}

/// Every fate; the first is how it goes when nothing special happens.
pub(super) const FATES: [Fate; 16] = [
    Fate::Good,
    Fate::Slow,
    Fate::NoRefresh,
    Fate::Short,
    Fate::Again,
    Fate::Lost,
    Fate::TooLate,
    Fate::Overtaken,
    Fate::Never,
    Fate::Unreachable,
    Fate::Denied,
    Fate::DeniedToken,
    Fate::Local,
    Fate::Failed,
    Fate::Limited,
    Fate::Unusable,
];

impl Fate {
    /// Milliseconds until the request is handled and until the caller learns of it.
    pub(super) fn times(self) -> (u64, u64) {
        match self {
            Self::Slow => (2_000, 4_000),
            Self::TooLate | Self::Never => (4_000, 60_000),
            Self::Unreachable => (0, 100),
            _ => (150, 300),
        }
    }

    /// Whether the tenant issues tokens.
    fn issues(self) -> bool {
        matches!(
            self,
            Self::Good
                | Self::Slow
                | Self::NoRefresh
                | Self::Short
                | Self::Again
                | Self::Lost
                | Self::TooLate
                | Self::Overtaken
        )
    }

    /// Seconds before another request is allowed after this failure, at least.
    pub(super) fn pause(self) -> i64 {
        match self {
            Self::Denied | Self::DeniedToken => 54,
            Self::Limited => 30,
            Self::Unusable => 5,
            _ => 1,
        }
    }

    /// Whether a refresh token that was sent is certainly unspent.
    pub(super) fn leaves_refresh_token(self) -> bool {
        matches!(self, Self::NoRefresh | Self::Unreachable | Self::Denied | Self::Local | Self::Limited)
    }
}

/// The tenant.
#[derive(Debug, Default)]
pub(super) struct Server {
    /// How many access tokens it has issued.
    issued: usize,
    /// How many refresh tokens.
    refreshes: usize,
    /// When each access token ends, in milliseconds of the model; by this the model judges.
    pub(super) ends: HashMap<String, u64>,
    /// Refresh tokens that it would accept.
    live: HashSet<String>,
    /// Refresh tokens that it has accepted.
    consumed: HashSet<String>,
    /// How often it saw one of those again.
    pub(super) reused: usize,
    /// Requests that arrive after the next one.
    pub(super) late: Vec<Grant>,
}

impl Server {
    /// A token that was issued before the run.
    pub(super) fn know(&mut self, access_token: &str, ends: u64, refresh_token: Option<&str>) {
        self.ends.insert(access_token.to_owned(), ends);
        self.live.extend(refresh_token.map(str::to_owned));
    }

    /// A request arrives.
    pub(super) fn handle(&mut self, grant: &Grant, fate: Fate, now: u64) -> Result<TokenResponse, RequestError> {
        let answer = if fate.issues() && fate != Fate::Overtaken { Some(self.issue(grant, fate, now)) } else { None };
        for late in std::mem::take(&mut self.late) {
            let _ = self.issue(&late, Fate::Good, now);
        }
        if fate == Fate::Overtaken {
            self.late.push(grant.clone());
        }
        let failed = |kind, cause: &str| Err(RequestFailure::new(kind, cause).into());
        match (fate, answer) {
            (Fate::Good | Fate::Slow | Fate::NoRefresh | Fate::Short | Fate::Again, Some(answer)) => answer,
            (Fate::Unreachable, _) => failed(FailureKind::Unreachable, "connection refused"),
            (Fate::Denied, _) => failed(FailureKind::Denied(Some(ErrorCode::InvalidClient)), "HTTP 401 invalid_client"),
            (Fate::DeniedToken, _) => {
                if let Grant::RefreshToken(token) = grant {
                    self.live.remove(token.expose());
                }
                failed(FailureKind::Denied(Some(ErrorCode::InvalidToken)), "HTTP 401 invalid_token")
            }
            (Fate::Local, _) => Err(RequestError::local(Error::system("cannot send a request"))),
            (Fate::Failed, _) => failed(FailureKind::ServerError, "HTTP 503"),
            (Fate::Limited, _) => Err(RequestFailure {
                retry_after: Some(30),
                ..RequestFailure::new(FailureKind::TooManyRequests, "HTTP 429")
            }
            .into()),
            (Fate::Unusable, _) => failed(FailureKind::Unusable, "HTML"),
            _ => failed(FailureKind::Interrupted, "connection reset"),
        }
    }

    /// Issues tokens, or refuses a refresh token.
    fn issue(&mut self, grant: &Grant, fate: Fate, now: u64) -> Result<TokenResponse, RequestError> {
        if let Grant::RefreshToken(token) = grant {
            let token = token.expose();
            if !self.live.contains(token) {
                // Reuse revokes the whole family (RFC 9700 §4.14.2).
                self.reused += usize::from(self.consumed.contains(token));
                self.live.clear();
                let kind = FailureKind::Denied(Some(ErrorCode::InvalidGrant));
                return Err(RequestFailure::new(kind, "HTTP 400 invalid_grant").into());
            }
            if fate != Fate::NoRefresh {
                self.live.remove(token);
                self.consumed.insert(token.to_owned());
            }
        }
        let (access_token, life) = self.access_token(fate, now);
        self.refreshes += 1;
        let refresh_token = (fate != Fate::NoRefresh).then(|| format!("r{}", self.refreshes));
        self.live.extend(refresh_token.clone());
        let refresh_token = refresh_token.map(Secret::new);
        Ok(TokenResponse { access_token: Secret::new(access_token), life, life_is_assumed: false, refresh_token })
    }

    /// An access token and its life in seconds.
    fn access_token(&mut self, fate: Fate, now: u64) -> (String, i64) {
        let newest = self.ends.iter().max_by_key(|(_, ends)| **ends);
        if let (Fate::Again, Some((token, ends))) = (fate, newest)
            && *ends > now + 6_000
        {
            return (token.clone(), i64::try_from((ends - now) / 1000).unwrap());
        }
        let life = if fate == Fate::Short { SHORT } else { LIFE };
        self.issued += 1;
        let token = format!("t{}", self.issued);
        self.ends.insert(token.clone(), now + life.unsigned_abs() * 1000);
        (token, life)
    }
}
