//! The cipher of refund notices: AES-256-ECB with PKCS#7 padding, in base64. The key is the lower-case hex of the API
//! key's MD5, its 32 characters and not its 16 bytes. Source: WeChat Pay v2, native.php?chapter=9_16 (解密方式).

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use super::sign::ApiKey;

/// Encrypts as WeChat does.
pub fn seal(plain: &[u8], key: &ApiKey) -> String {
    encrypt(plain, &aes_key(key))
}

/// Decrypts; `None` for whatever `key` did not encrypt.
pub fn open(req_info: &str, key: &ApiKey) -> Option<Vec<u8>> {
    decrypt(req_info, &aes_key(key))
}

fn aes_key(key: &ApiKey) -> [u8; 32] {
    let mut ascii = [0; 32];
    // 16 bytes are 32 digits, so this cannot fail; a wrong key would only open nothing.
    let _ = hex::encode_to_slice(Md5::digest(key.as_bytes()), &mut ascii);
    ascii
}

fn encrypt(plain: &[u8], key: &[u8; 32]) -> String {
    STANDARD.encode(ecb::Encryptor::<Aes256>::new(key.into()).encrypt_padded_vec::<Pkcs7>(plain))
}

fn decrypt(req_info: &str, key: &[u8; 32]) -> Option<Vec<u8>> {
    let sealed = STANDARD.decode(req_info).ok()?;
    ecb::Decryptor::<Aes256>::new(key.into()).decrypt_padded_vec::<Pkcs7>(&sealed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recomputed with OpenSSL by the rule of native.php?chapter=9_16.
    #[test]
    fn the_key_is_the_hex_of_the_md5_with_its_leading_zero() {
        let vectors = [
            (
                "192006250b4c09247ec02edce69f6a2d",
                "d96eb16afdd491fa1e705096edbc2205",
                "3UhpQRRu7WarMCbAwKVbUA==",
            ),
            (
                "k0000000000000000000000000000003",
                "075bf38be58bf29891c1ee5cf907ef57",
                "UHykhoKMbSrTQLFjkamF6g==",
            ),
        ];
        for (key, ascii, sealed) in vectors {
            let key = ApiKey::parse(key).unwrap();
            assert_eq!(aes_key(&key), ascii.as_bytes());
            assert_eq!(seal(b"hello", &key), sealed);
            assert_eq!(open(sealed, &key).as_deref(), Some(&b"hello"[..]));
        }
    }

    #[test]
    fn the_vector_of_the_official_php_sdk() {
        let key = b"0123456789abcdef0123456789abcdef";
        assert_eq!(encrypt(b"hello", key), "pZwJZBLuy3mDACEQT4YTBw==");
        assert_eq!(decrypt("pZwJZBLuy3mDACEQT4YTBw==", key).as_deref(), Some(&b"hello"[..]));
    }
}
