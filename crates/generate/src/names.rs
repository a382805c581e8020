//! Read names as Illumina's software makes them: instrument, run, flow cell, lane, tile, x, y.

use crate::profile::{FlowCell, Profile};
use crate::rng::Rng;
use std::io::Write;

/// Wells along x (in pairs, because the rows are shifted by half a distance) and along y.
const WELL_PAIRS: u32 = 1769;
/// Rows of wells.
const WELL_ROWS: u32 = 2304;
/// Half the distance of wells in a row, in 1/10,000 of the name's unit (a tenth of a pixel).
const WELL_STEP_X: u32 = 90_396;
/// Distance of rows.
const WELL_STEP_Y: u32 = 156_570;

/// Writes the name of a random cluster.
pub fn write_name(profile: &Profile, rng: &mut Rng, out: &mut Vec<u8>) {
    let lane = 1 + rng.below(profile.lanes);
    let surface = 1 + rng.below(2);
    let swath = 1 + rng.below(profile.swaths);
    let tile = surface * 1000 + swath * 100 + 1 + rng.below(profile.tiles);
    let (x, y) = match profile.flow_cell {
        FlowCell::Patterned => {
            let row = rng.below(WELL_ROWS);
            let column = 2 * rng.below(WELL_PAIRS) + row % 2;
            let round = |step: u32, count: u32| 1000 + (step * count + 5_000) / 10_000;
            (round(WELL_STEP_X, column), round(WELL_STEP_Y, row))
        }
        FlowCell::Random => (1_060 + rng.below(20_380), 2_088 + rng.below(198_800)),
    };
    out.clear();
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}:{lane}:{tile}:{x}:{y}", profile.prefix);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::NOVASEQ;

    #[test]
    fn names_have_seven_fields_on_the_flow_cell() {
        let mut rng = Rng::keyed(&[1]);
        let mut name = Vec::new();
        for _ in 0..1000 {
            write_name(&NOVASEQ, &mut rng, &mut name);
            let text = String::from_utf8(name.clone()).unwrap_or_default();
            let fields: Vec<&str> = text.split(':').collect();
            assert_eq!(fields.len(), 7, "{text}");
            let y: u32 = fields[6].parse().unwrap_or(0);
            assert!((1_000..=37_060).contains(&y), "{text}");
        }
    }
}
