//! Tests of the settings that the HTTP library is given.

use super::*;

#[test]
fn the_client_is_given_the_limits() {
    let mut profile = crate::protocol::git::properties::profile();
    // Plain http, which needs none of the system's roots.
    profile.token_url = Target::parse("http://127.0.0.1:9000/SAAS/auth/oauthtoken").unwrap();
    let endpoint = HttpEndpoint { profile: &profile, env: &|_| None };
    // The whole exchange, then connecting within it.
    for (limit, connect) in [(10_000, 5_000), (5_001, 5_000), (5_000, 5_000), (500, 500)] {
        let agent = agent(Duration::from_millis(limit), &Arc::new(endpoint.tenant_route().unwrap()));
        let timeouts = agent.config().timeouts();
        assert_eq!(timeouts.global, Some(Duration::from_millis(limit)));
        assert_eq!(timeouts.connect, Some(Duration::from_millis(connect)), "{limit}");
        assert_eq!(timeouts.resolve, Some(Duration::from_millis(connect)), "{limit}");
        assert_eq!(agent.config().max_response_header_size(), 16 * 1024);
        assert_eq!((agent.config().max_redirects(), agent.config().http_status_as_error()), (0, false));
        assert_eq!(agent.config().max_idle_connections(), 0);
    }
}
