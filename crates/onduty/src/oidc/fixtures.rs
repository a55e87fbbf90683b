//! Keys that sign tokens for tests, as a provider has them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use serde_json::{Value, json};

/// When tests of tokens are, in seconds.
pub const NOW: i64 = 1_772_000_000;

/// Bytes as tokens have them.
pub fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A part of a token.
pub fn encoded(part: &Value) -> String {
    base64(part.to_string().as_bytes())
}

/// A key of a provider.
pub struct Key {
    name: &'static str,
    pair: Pair,
}

enum Pair {
    Curve(&'static str, EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl Key {
    pub fn p256(name: &'static str) -> Key {
        Key::curve(name, "P-256")
    }

    pub fn p384(name: &'static str) -> Key {
        Key::curve(name, "P-384")
    }

    fn curve(name: &'static str, curve: &'static str) -> Key {
        let means = if curve == "P-256" { &ECDSA_P256_SHA256_FIXED_SIGNING } else { &ECDSA_P384_SHA384_FIXED_SIGNING };
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(means, &random).unwrap();
        Key { name, pair: Pair::Curve(curve, EcdsaKeyPair::from_pkcs8(means, pair.as_ref(), &random).unwrap()) }
    }

    pub fn ed25519(name: &'static str) -> Key {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Key { name, pair: Pair::Edwards(Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap()) }
    }

    /// As the provider publishes it.
    pub fn public(&self) -> Value {
        match &self.pair {
            Pair::Curve(curve, pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(if *curve == "P-256" { 32 } else { 48 });
                json!({"kty": "EC", "crv": curve, "kid": self.name, "x": base64(x), "y": base64(y)})
            }
            Pair::Edwards(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.name, "x": base64(pair.public_key().as_ref())})
            }
        }
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let algorithm = match &self.pair {
            Pair::Curve("P-256", _) => "ES256",
            Pair::Curve(..) => "ES384",
            Pair::Edwards(_) => "EdDSA",
        };
        self.sign_with(&json!({"alg": algorithm, "kid": self.name, "typ": "JWT"}), claims)
    }

    /// The same with another header.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = match &self.pair {
            Pair::Curve(_, pair) => base64(pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref()),
            Pair::Edwards(pair) => base64(pair.sign(message.as_bytes()).as_ref()),
        };
        format!("{message}.{signature}")
    }
}
