//! The digest's picture: seven stacked bars with figures, on a light plate that is legible on any background.

use png::BitDepth;
use png::ColorType;
use png::Encoder;

/// Pixels.
pub const WIDTH: usize = 448;
/// Pixels.
pub const HEIGHT: usize = 200;
/// Pixels from the left edge to the first bar, and from bar to bar.
const LEFT: usize = 20;
const STEP: usize = 60;
const BAR_WIDTH: usize = 40;
/// Pixels of the room above the bars and below them.
const ABOVE: usize = 24;
const BELOW: usize = 24;
/// Figures are drawn twice as large.
const SCALE: usize = 2;
const PLATE: u8 = 0;
const INK: u8 = 1;

/// Plate, ink, to agents, answered, quiet, held. They differ in brightness, too, for who cannot tell colours apart.
const PALETTE: [u8; 18] = [
    0xf3, 0xf3, 0xf1, 0x2e, 0x2e, 0x2e, 0x1f, 0x5f, 0xa8, 0x4f, 0xa9, 0x5c, 0xb4, 0xb6, 0xb8, 0xe3,
    0x8a, 0x1c,
];

/// Figures from 0 to 9, five pixels wide and seven high: a row of each an octet.
const FIGURES: [[u8; 7]; 10] = [
    [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
    [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
];

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Its day of the month.
    pub day: u64,
    /// Counts with the place of their colour in the palette, from the foot.
    pub pieces: [(u64, u8); 4],
}

impl Bar {
    fn sum(&self) -> u64 {
        self.pieces
            .iter()
            .fold(0, |sum, (n, _)| sum.saturating_add(*n))
    }
}

/// A picture: the place of each pixel's colour in the palette, row by row.
struct Canvas {
    pixels: Vec<u8>,
}

impl Canvas {
    fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: u8) {
        for row in self.pixels.chunks_mut(WIDTH).skip(y).take(height) {
            row.iter_mut().skip(x).take(width).for_each(|p| *p = colour);
        }
    }

    /// Writes a number with its middle at `x`.
    fn number(&mut self, x: usize, y: usize, number: u64) {
        // What has no room is told in the text.
        let digits = if number < 1_000_000 {
            number.to_string()
        } else {
            "999999".to_owned()
        };
        let wide = digits.len() * 6 * SCALE - SCALE;
        let mut left = x.saturating_sub(wide / 2);
        for digit in digits.bytes() {
            let figure = FIGURES.get(usize::from(digit.wrapping_sub(b'0')));
            for (row, bits) in figure.into_iter().flatten().enumerate() {
                for column in (0..5).filter(|c| bits & (0x10 >> c) != 0) {
                    self.fill(left + column * SCALE, y + row * SCALE, SCALE, SCALE, INK);
                }
            }
            left += 6 * SCALE;
        }
    }
}

/// Draws the bars, at most seven of them, as PNG. The same bars give the same octets.
pub fn png(bars: &[Bar]) -> Vec<u8> {
    let mut canvas = Canvas {
        pixels: vec![PLATE; WIDTH * HEIGHT],
    };
    let room = HEIGHT - ABOVE - BELOW;
    let most = bars.iter().map(Bar::sum).max().unwrap_or_default().max(1);
    let foot = HEIGHT - BELOW;
    for (n, bar) in bars.iter().take(7).enumerate() {
        let x = LEFT + n * STEP;
        let (mut below, mut top) = (0_u64, foot);
        for (count, colour) in bar.pieces {
            let from = foot - scaled(below, most, room);
            below = below.saturating_add(count);
            // The smallest piece is seen.
            let to =
                (foot - scaled(below, most, room)).min(from.saturating_sub(usize::from(count > 0)));
            canvas.fill(x, to, BAR_WIDTH, from.saturating_sub(to), colour);
            top = top.min(to);
        }
        let middle = x + BAR_WIDTH / 2;
        canvas.number(middle, top.saturating_sub(7 * SCALE + 4), bar.sum());
        canvas.number(middle, foot + 5, bar.day);
    }
    canvas.fill(LEFT - 6, foot, WIDTH - 2 * (LEFT - 6), 1, INK);
    encoded(&canvas.pixels).unwrap_or_default()
}

/// Pixels of a count.
fn scaled(count: u64, most: u64, room: usize) -> usize {
    let scaled = u128::from(count) * room as u128 / u128::from(most);
    usize::try_from(scaled).unwrap_or(room).min(room)
}

/// None never: a buffer takes all that is written to it.
fn encoded(pixels: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let (width, height) = (u32::try_from(WIDTH).ok()?, u32::try_from(HEIGHT).ok()?);
    let mut encoder = Encoder::new(&mut octets, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(PALETTE.as_slice());
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(octets)
}
