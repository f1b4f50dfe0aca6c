//! Signs access tokens with RS256, and publishes the public key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

/// A test key that protects nothing, because it is public. RSA 2048, PKCS#8, DER.
///
/// A fixed key takes no time to generate, and the published key is the same in every run.
const PUBLIC_TEST_KEY: &[u8] = include_bytes!("public-test-key.der");
/// The `kid` of the key in the JWKS. Access tokens have none, as those of the service.
const KEY_ID: &str = "ws1-emulator-public-test-key";

/// Signs tokens.
pub(crate) struct Signer {
    /// The key pair.
    key: RsaKeyPair,
}

impl Signer {
    /// The signer with the public test key.
    pub(crate) fn new() -> Self {
        Self { key: RsaKeyPair::from_pkcs8(PUBLIC_TEST_KEY).expect("the test key is valid") }
    }

    /// The JWT with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        let message = format!("{header}.{payload}");
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("a valid key signs any message");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> Value {
        let key = self.components();
        json!({ "keys": [{
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(key.n),
            "e": URL_SAFE_NO_PAD.encode(key.e),
        }] })
    }

    /// The public key in the service's own format, which is not a standard JWK.
    pub(crate) fn jwk(&self) -> Value {
        let key = self.components();
        json!({
            "alg": "RSA",
            "mod": URL_SAFE_NO_PAD.encode(key.n),
            "exp": URL_SAFE_NO_PAD.encode(key.e),
            "kid": KEY_ID,
        })
    }

    /// The public key in PEM.
    pub(crate) fn pem(&self) -> String {
        /// The DER of a `SubjectPublicKeyInfo` before a 2048-bit RSA key.
        const PREFIX: [u8; 24] = [
            0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
            0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
        ];
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        let base64 = STANDARD.encode([&PREFIX[..], self.key.public().as_ref()].concat());
        for (index, letter) in base64.chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem + "\n-----END PUBLIC KEY-----\n"
    }

    /// Modulus and exponent.
    fn components(&self) -> PublicKeyComponents<Vec<u8>> {
        PublicKeyComponents::from(self.key.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::RSA_PKCS1_2048_8192_SHA256;

    #[test]
    fn the_published_key_verifies_the_signature() {
        let signer = Signer::new();
        let token = signer.sign(&json!({ "prn": "x" }));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let jwks = signer.jwks();
        let decode = |name: &str| URL_SAFE_NO_PAD.decode(jwks["keys"][0][name].as_str().unwrap()).unwrap();
        PublicKeyComponents { n: decode("n"), e: decode("e") }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
            .unwrap();
    }
}
