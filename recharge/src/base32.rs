//! Crockford's base32, in which the numbers of orders, refunds and static codes are written.

/// Crockford's alphabet, which leaves out letters that are mistaken for digits; 5 bits a letter, the last one padded.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (mut text, mut bits, mut held) = (String::new(), 0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_crockfords_base32() {
        assert_eq!(base32(&[]), "");
        assert_eq!(base32(&[0xff, 0xff]), "ZZZG");
        assert_eq!(base32(&[0x12, 0x34, 0x56, 0x78, 0x9a]), "28T5CY4T");
    }
}
