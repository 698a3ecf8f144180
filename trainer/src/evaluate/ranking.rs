//! How well a class's score tells its images from the others: one class against the rest.

/// The scores that a class has for each image, in order, so that the area can be asked for again and again.
#[derive(Clone, Debug)]
pub(super) struct Ranking {
    /// Images by rising score, in groups of the same score.
    ties: Vec<Vec<usize>>,
}

impl Ranking {
    /// Of a finite score for each image.
    pub(super) fn of(scores: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let mut ties: Vec<Vec<usize>> = vec![];
        let mut last = None;
        for image in order {
            // −0 and 0 are the same score.
            match ties.last_mut() {
                Some(tie) if last == Some(scores[image]) => tie.push(image),
                _ => ties.push(vec![image]),
            }
            last = Some(scores[image]);
        }
        Self { ties }
    }

    /// The area under the receiver's curve: how often an image of the class (`is`) has a higher score than one of the others, where equal scores
    /// count half (Mann and Whitney, 1947). Each image counts as often as its weight says. `None` where there is no image of either kind.
    pub(super) fn area(&self, is: &[bool], weights: &[u32]) -> Option<f64> {
        let (mut below, mut positives, mut won) = (0.0, 0.0, 0.0);
        for tie in &self.ties {
            let (mut own, mut others) = (0.0, 0.0);
            for &image in tie {
                let weight = f64::from(weights[image]);
                if is[image] {
                    own += weight;
                } else {
                    others += weight;
                }
            }
            won += own * (below + 0.5 * others);
            below += others;
            positives += own;
        }
        (positives > 0.0 && below > 0.0).then(|| won / (positives * below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scikit-learn 1.9.1's `roc_auc_score`, the second with `sample_weight`.
    #[test]
    fn the_area_is_scikit_learns() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.7, 0.2, 0.4, 0.9, 0.05];
        let is = [
            false, false, true, true, true, false, false, true, true, false,
        ];
        let ranking = Ranking::of(&scores);
        let area = ranking.area(&is, &[1; 10]).unwrap();
        assert!((area - AREA).abs() < 1e-12, "{area}");
        let weights = [3, 1, 2, 0, 1, 4, 1, 2, 1, 0];
        let area = ranking.area(&is, &weights).unwrap();
        assert!((area - WEIGHTED).abs() < 1e-12, "{area}");
        assert_eq!(ranking.area(&[true; 10], &[1; 10]), None);
        assert_eq!(Ranking::of(&[]).area(&[], &[]), None);
    }

    const AREA: f64 = 0.8;
    const WEIGHTED: f64 = 0.564_814_814_814_814_8;
}
