//! A picture of black and white squares as PNG, without compression: a code is a few kilobytes.
//! Source: PNG (W3C), 5 and 11; RFC 1950 and 1951 for the stream, in blocks that are stored as they are.

/// The rows of squares, `true` for black, each `scale` pixels wide and high.
pub fn of(rows: &[Vec<bool>], scale: usize) -> Vec<u8> {
    let width = rows.first().map_or(0, Vec::len) * scale;
    let mut lines = Vec::new();
    for row in rows {
        let mut line = vec![0; width.div_ceil(8) + 1];
        for x in (0..width).filter(|x| !row[x / scale]) {
            line[1 + x / 8] |= 0x80 >> (x % 8);
        }
        (0..scale).for_each(|_| lines.extend_from_slice(&line));
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    // One bit a pixel, grey.
    chunk(&mut png, b"IHDR", &[&side(width)[..], &side(rows.len() * scale), &[1, 0, 0, 0, 0]].concat());
    chunk(&mut png, b"IDAT", &stream(&lines));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    png.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
    let begin = png.len();
    png.extend(kind);
    png.extend(data);
    let sum = crc32(&png[begin..]);
    png.extend(sum.to_be_bytes());
}

fn stream(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let blocks = data.chunks(0xffff);
    let last = blocks.len().saturating_sub(1);
    for (n, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(n == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_their_standards() {
        // The check values of CRC-32/ISO-HDLC and of RFC 1950's Adler-32 for "Wikipedia".
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn a_picture_has_its_size_and_its_squares() {
        let png = of(&[vec![true, false], vec![false, true]], 8);
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(png[16..26], [0, 0, 0, 16, 0, 0, 0, 16, 1, 0]);
        // After the heads of the chunk and of the stream: sixteen lines of a filter byte and two bytes of pixels.
        let lines = &png[33 + 8 + 7..][..48];
        assert!(lines[..24].chunks(3).all(|line| line == [0, 0x00, 0xff]));
        assert!(lines[24..].chunks(3).all(|line| line == [0, 0xff, 0x00]));
    }
}
