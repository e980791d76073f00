//! A `code_url` as one SVG path: in the browser for the dialog, on the server for the payer's page of an order.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code on every side. Source: ISO/IEC 18004, 6.3.8.
pub const QUIET_ZONE: usize = 4;

/// A QR code as a drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// Modules along one side, quiet zone included.
    pub size: usize,
    /// The dark modules, one rectangle for each run in a row.
    pub path: String,
}

impl Drawing {
    /// Each row's modules, `true` for dark, quiet zone included.
    #[cfg(feature = "ssr")]
    pub fn modules(&self) -> Vec<Vec<bool>> {
        let mut rows = vec![vec![false; self.size]; self.size];
        for run in self.path.split('M').skip(1) {
            let mut numbers = run.split([' ', 'h', 'v']).map_while(|number| number.parse::<usize>().ok());
            if let (Some(x), Some(y), Some(width)) = (numbers.next(), numbers.next(), numbers.next()) {
                rows[y][x..x + width].fill(true);
            }
        }
        rows
    }

    /// For the `viewBox` attribute.
    pub fn view_box(&self) -> String {
        format!("0 0 {0} {0}", self.size)
    }
}

/// Draws `text`; `None` if it does not fit a QR code (a `code_url` has at most 64 characters and always does).
pub fn draw(text: &str) -> Option<Drawing> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::with_capacity(width * width * 4);
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|module| **module == Color::Dark).count();
            if run > 0 {
                let (left, top) = (x + QUIET_ZONE, y + QUIET_ZONE);
                path.push_str(&format!("M{left} {top}h{run}v1h-{run}z"));
            }
            x += run.max(1);
        }
    }
    Some(Drawing { size: width + 2 * QUIET_ZONE, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE_URL: &str = "weixin://wxpay/bizpayurl?pr=p4lpSuKzz";

    fn modules(drawing: &Drawing) -> Vec<Vec<bool>> {
        drawing.modules()
    }

    #[test]
    fn the_path_holds_every_module_of_the_code() {
        let drawing = draw(CODE_URL).expect("short text");
        let code = QrCode::with_error_correction_level(CODE_URL, EcLevel::M).expect("short text");
        let drawn = modules(&drawing);
        for y in 0..code.width() {
            for x in 0..code.width() {
                let dark = code[(x, y)] == Color::Dark;
                assert_eq!(drawn[y + QUIET_ZONE][x + QUIET_ZONE], dark, "module {x} {y}");
            }
        }
    }

    #[test]
    fn four_modules_around_the_code_stay_light() {
        let drawing = draw(CODE_URL).expect("short text");
        for (y, row) in modules(&drawing).into_iter().enumerate() {
            for (x, dark) in row.into_iter().enumerate() {
                let inside = QUIET_ZONE..drawing.size - QUIET_ZONE;
                assert!(!dark || (inside.contains(&x) && inside.contains(&y)), "module {x} {y}");
            }
        }
    }

    #[test]
    fn a_code_url_of_the_usual_length_makes_a_code_of_29_modules() {
        // 37 bytes at level M need version 3, which has 29 modules. Source: ISO/IEC 18004, table 7.
        assert_eq!(draw(CODE_URL).expect("short text").size, 29 + 8);
    }
}
