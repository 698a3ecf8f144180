use ndarray::{Array2, s};

use super::found::Found;
use super::runner::{Runner, Subject};
use super::{AttributionError, Baseline, Map};

/// Occlusion (Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks*, 2014), `[H, W]`:
///
/// ```text
/// mean over the windows that cover the pixel of score(x) − score(x with the window filled)
/// ```
///
/// Windows begin at 0, `stride`, 2 `stride`, …, until the image is covered; the last ones are cut off at its edge, and a
/// pixel that no window covers is 0, as in Captum. In units of the score: positive where the window's content speaks for
/// the class.
#[derive(Clone, Debug, PartialEq)]
pub struct Occlusion {
    /// Height and width of the window in pixels of the network's input.
    pub window: [usize; 2],
    /// How far the window moves, down and to the right.
    pub stride: [usize; 2],
    /// What fills it.
    pub fill: Baseline,
}

impl Occlusion {
    /// A square window filled with mid-grey, as in the paper.
    #[must_use]
    pub fn square(window: usize, stride: usize) -> Self {
        Self {
            window: [window; 2],
            stride: [stride; 2],
            fill: Baseline::Value(0.5),
        }
    }

    pub(super) fn check(&self) -> Result<(), AttributionError> {
        if self.window.contains(&0) || self.stride.contains(&0) {
            return Err(AttributionError::parameter(
                "window and stride are at least one pixel",
            ));
        }
        Ok(())
    }

    pub(super) fn run(
        &self,
        runner: &mut Runner<'_, '_>,
        subject: &Subject,
    ) -> Result<Found, AttributionError> {
        let (height, width) = subject.size();
        let rows = spans(height, self.window[0], self.stride[0]);
        let columns = spans(width, self.window[1], self.stride[1]);
        let window = |index: usize| {
            let ((top, bottom), (left, right)) =
                (rows[index / columns.len()], columns[index % columns.len()]);
            s![top..bottom, left..right]
        };
        let fill = subject.baseline(&self.fill, runner.job.seed, 0);
        let whole = subject.aim.score(&subject.logits);
        let mut sum = Array2::<f64>::zeros((height, width));
        let mut covers = Array2::<f64>::zeros((height, width));
        let count = rows.len() * columns.len();
        runner.expect(count);
        runner.forward(
            count,
            |index| {
                let mut image = subject.input.clone();
                for (mut channel, fill) in image.outer_iter_mut().zip(fill.outer_iter()) {
                    channel
                        .slice_mut(window(index))
                        .assign(&fill.slice(window(index)));
                }
                image
            },
            |index, logits| {
                let fall = whole - subject.aim.score(logits);
                sum.slice_mut(window(index))
                    .mapv_inplace(|total| total + fall);
                covers
                    .slice_mut(window(index))
                    .mapv_inplace(|count| count + 1.0);
            },
        )?;
        let map = (sum / covers.mapv(|count| count.max(1.0))).mapv(|value| value as f32);
        Ok(Found::new(Map::Pixels(map)))
    }
}

/// Begin and end of the windows along one side.
fn spans(side: usize, window: usize, stride: usize) -> Vec<(usize, usize)> {
    let more = side.saturating_sub(window).div_ceil(stride);
    let span = |index: usize| {
        (
            index * stride,
            (index * stride).saturating_add(window).min(side),
        )
    };
    (0..=more)
        .map(span)
        .filter(|(begin, end)| begin < end)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_side_and_the_last_is_cut() {
        assert_eq!(spans(10, 4, 3), [(0, 4), (3, 7), (6, 10)]);
        assert_eq!(spans(11, 4, 3), [(0, 4), (3, 7), (6, 10), (9, 11)]);
        assert_eq!(spans(3, 50, 25), [(0, 3)]);
        assert_eq!(spans(7, 1, 4), [(0, 1), (4, 5)]);
        assert_eq!(spans(5, 2, usize::MAX), [(0, 2)]);
    }
}
