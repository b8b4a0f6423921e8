//! When requests arrive: at a steady rate, in bursts, or by the hour of the day. Integers only.
//!
//! A rate that changes adds up to an amount: so many requests' millionths have come due by a moment. Request number `n` comes
//! at the first microsecond at whose end more than `n` million of them have. Because the amount by any moment is known
//! at once, requests can be skipped in a century as in a second.

/// How the rate of a workload changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Not at all.
    #[default]
    Steady,
    /// In the first second of each period it is so many times as high.
    Burst {
        /// How many times.
        times: u64,
        /// How long a period is, in microseconds; at least two seconds.
        period_us: u64,
    },
    /// By the hour of the day (UTC), as in a shop: a quarter at 4 in the morning, nearly the double at 8 in the evening; the
    /// rate asked for is about the day's mean.
    Daily,
}

/// Percent of the mean, by the hour.
const HOURS: [u64; 24] = [
    50, 36, 29, 26, 25, 29, 43, 65, 86, 101, 112, 119, 126, 126, 122, 119, 122, 130, 148, 173, 187,
    180, 144, 102,
];

const SECOND_US: u64 = 1_000_000;
const HOUR_US: u64 = 3_600 * SECOND_US;

/// The arrivals of a stream of requests.
#[derive(Clone, Debug)]
pub(crate) struct Arrivals {
    rate: u64,
    pace: Pace,
    started_at_us: u64,
    /// Requests that have come so far.
    arrived: u64,
    next_at_us: u64,
    /// The stretch of one rate that the next arrival is in.
    stretch: Stretch,
}

/// A stretch of time with one rate.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start_us: u64,
    end_us: u64,
    rate: u64,
    /// Millionths of requests due at its start.
    amount: u128,
}

impl Arrivals {
    pub(crate) fn new(rate: u64, pace: Pace, now_us: u64) -> Self {
        let mut arrivals = Self {
            rate,
            pace,
            started_at_us: now_us,
            arrived: 0,
            next_at_us: 0,
            stretch: Stretch {
                start_us: now_us,
                end_us: u64::MAX,
                rate,
                amount: 0,
            },
        };
        arrivals.stretch = arrivals.stretch_at(now_us);
        arrivals.find_next();
        arrivals
    }

    /// Requests that have come so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// When the next request comes, microseconds since the epoch.
    #[inline]
    pub(crate) fn next_at_us(&self) -> u64 {
        self.next_at_us
    }

    /// The next request has come.
    #[inline]
    pub(crate) fn arrive(&mut self) {
        self.arrived += 1;
        if self.pace == Pace::Steady {
            self.next_at_us = self.started_at_us + (self.arrived + 1) * SECOND_US / self.rate;
        } else {
            self.find_next();
        }
    }

    /// Lets the requests up to `until_us` come and go. Returns how many there were.
    pub(crate) fn skip_until(&mut self, until_us: u64) -> u64 {
        if until_us < self.next_at_us {
            return 0;
        }
        let due = (self.amount_at(until_us + 1).div_ceil(u128::from(SECOND_US)) - 1) as u64;
        let skipped = due.saturating_sub(self.arrived);
        self.arrived += skipped;
        self.stretch = self.stretch_at(until_us);
        self.find_next();
        skipped
    }

    /// Finds the next arrival from the present stretch on.
    fn find_next(&mut self) {
        loop {
            let wanted = u128::from(self.arrived + 1) * u128::from(SECOND_US);
            let missing = wanted.saturating_sub(self.stretch.amount) as u64;
            let at_us = self.stretch.start_us + missing / self.stretch.rate;
            if at_us < self.stretch.end_us {
                self.next_at_us = at_us;
                return;
            }
            self.stretch = self.stretch_at(self.stretch.end_us);
        }
    }

    /// The stretch that a moment is in.
    fn stretch_at(&self, at_us: u64) -> Stretch {
        let (start_us, end_us, rate) = match self.pace {
            Pace::Steady => (self.started_at_us, u64::MAX, self.rate),
            Pace::Burst { times, period_us } => {
                let elapsed_us = at_us - self.started_at_us;
                let period_start_us = at_us - elapsed_us % period_us;
                if elapsed_us % period_us < SECOND_US {
                    let end_us = period_start_us + SECOND_US;
                    (period_start_us, end_us, self.rate * times)
                } else {
                    let start_us = period_start_us + SECOND_US;
                    (start_us, period_start_us + period_us, self.rate)
                }
            }
            Pace::Daily => {
                let hour = at_us / HOUR_US;
                let start_us = (hour * HOUR_US).max(self.started_at_us);
                (start_us, (hour + 1) * HOUR_US, self.hourly_rate(hour))
            }
        };
        Stretch {
            start_us,
            end_us,
            rate,
            amount: self.amount_at(start_us),
        }
    }

    fn hourly_rate(&self, hour: u64) -> u64 {
        (self.rate * HOURS[(hour % 24) as usize] / 100).max(1)
    }

    /// How many millionths of requests have come due from the start to a moment.
    fn amount_at(&self, at_us: u64) -> u128 {
        let elapsed_us = u128::from(at_us - self.started_at_us);
        let rate = u128::from(self.rate);
        match self.pace {
            Pace::Steady => rate * elapsed_us,
            Pace::Burst { times, period_us } => {
                let (second_us, period_us) = (u128::from(SECOND_US), u128::from(period_us));
                let burst_us =
                    elapsed_us / period_us * second_us + (elapsed_us % period_us).min(second_us);
                rate * (elapsed_us + burst_us * u128::from(times - 1))
            }
            Pace::Daily => self.daily_amount(at_us) - self.daily_amount(self.started_at_us),
        }
    }

    /// The same from the epoch on.
    fn daily_amount(&self, at_us: u64) -> u128 {
        let rates = |hours: u64| (0..hours).map(|hour| self.hourly_rate(hour)).sum::<u64>();
        let (hours, rest_us) = (at_us / HOUR_US, at_us % HOUR_US);
        let whole = u128::from(hours / 24) * u128::from(rates(24)) + u128::from(rates(hours % 24));
        whole * u128::from(HOUR_US) + u128::from(self.hourly_rate(hours)) * u128::from(rest_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: Pace = Pace::Burst {
        times: 10,
        period_us: 60_000_000,
    };

    #[test]
    fn skipping_counts_what_stepping_meets() {
        for pace in [Pace::Steady, BURST, Pace::Daily] {
            for rate in [1, 3, 7, 200, 999] {
                let start_us = 5_000_000 + 3_599 * SECOND_US;
                let mut stepped = Arrivals::new(rate, pace, start_us);
                let mut skipped = stepped.clone();
                for after_us in [
                    0,
                    1,
                    333_333,
                    999_999,
                    1_000_000,
                    1_000_001,
                    60_500_000,
                    125_000_000,
                ] {
                    let until_us = start_us + after_us;
                    let mut steps = 0;
                    while stepped.next_at_us() <= until_us {
                        let at_us = stepped.next_at_us();
                        stepped.arrive();
                        assert!(stepped.next_at_us() >= at_us);
                        steps += 1;
                    }
                    assert_eq!(
                        skipped.skip_until(until_us),
                        steps,
                        "{pace:?} {rate} {after_us}"
                    );
                    assert_eq!(skipped.next_at_us(), stepped.next_at_us());
                }
            }
        }
    }

    #[test]
    fn a_burst_is_in_the_first_second_of_its_period() {
        let mut arrivals = Arrivals::new(10, BURST, 0);
        assert_eq!(arrivals.skip_until(999_999), 99);
        assert_eq!(arrivals.skip_until(59_999_999), 1 + 590 - 1);
        assert_eq!(arrivals.skip_until(60_999_999), 100);
    }

    #[test]
    fn a_day_has_its_mean_and_a_century_takes_no_time() {
        let day_us = 24 * HOUR_US;
        let mut arrivals = Arrivals::new(1_000, Pace::Daily, 0);
        let requests = arrivals.skip_until(day_us);
        assert!((85_000_000..88_000_000).contains(&requests), "{requests}");
        let mut night = Arrivals::new(1_000, Pace::Daily, 4 * HOUR_US);
        assert_eq!(night.skip_until(4 * HOUR_US + SECOND_US), 250);
        arrivals.skip_until(36_525 * day_us);
    }
}
