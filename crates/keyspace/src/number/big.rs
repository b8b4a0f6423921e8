//! Natural numbers of any size: the few operations that exact conversion between decimal and binary needs.

use std::cmp::Ordering;

/// A natural number: 32-bit digits, the lowest first, the highest not 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Natural(Vec<u32>);

impl From<u64> for Natural {
    fn from(number: u64) -> Self {
        Self::from(u128::from(number))
    }
}

impl From<u128> for Natural {
    fn from(number: u128) -> Self {
        let mut natural = Self(
            (0..4)
                .map(|digit| (number >> (32 * digit)) as u32)
                .collect(),
        );
        natural.trim();
        natural
    }
}

impl Natural {
    /// The number that ASCII decimal digits write.
    pub(super) fn from_decimal(digits: impl IntoIterator<Item = u8>) -> Self {
        let mut natural = Self::default();
        let (mut group, mut scale) = (0u32, 1u32);
        for digit in digits {
            group = group * 10 + u32::from(digit - b'0');
            scale *= 10;
            if scale == 1_000_000_000 {
                natural.multiply_add(scale, group);
                (group, scale) = (0, 1);
            }
        }
        natural.multiply_add(scale, group);
        natural
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of bits from the highest one set down.
    pub(super) fn bit_len(&self) -> usize {
        match self.0.last() {
            Some(highest) => self.0.len() * 32 - highest.leading_zeros() as usize,
            None => 0,
        }
    }

    fn bit(&self, index: usize) -> bool {
        self.0
            .get(index / 32)
            .is_some_and(|digit| digit >> (index % 32) & 1 == 1)
    }

    /// Whether a bit below `index` is set.
    fn any_bit_below(&self, index: usize) -> bool {
        let whole = index / 32;
        self.0.iter().take(whole).any(|digit| *digit != 0)
            || self
                .0
                .get(whole)
                .is_some_and(|digit| digit & ((1u32 << (index % 32)) - 1) != 0)
    }

    /// The low 64 bits.
    pub(super) fn low_u64(&self) -> u64 {
        let digit = |index: usize| u64::from(self.0.get(index).copied().unwrap_or(0));
        digit(0) | digit(1) << 32
    }

    /// `self * factor + addend`, in place.
    pub(super) fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for digit in &mut self.0 {
            carry += u64::from(*digit) * u64::from(factor);
            *digit = carry as u32;
            carry >>= 32;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
        self.trim();
    }

    /// `self * 10^power`, in place.
    pub(super) fn multiply_by_power_of_ten(&mut self, power: u32) {
        for _ in 0..power / 9 {
            self.multiply_add(1_000_000_000, 0);
        }
        self.multiply_add(10u32.pow(power % 9), 0);
    }

    /// `self << bits`.
    pub(super) fn shifted_left(&self, bits: usize) -> Self {
        if self.is_zero() {
            return Self::default();
        }
        let mut digits = vec![0; bits / 32];
        let mut carry = 0u64;
        for digit in &self.0 {
            carry |= u64::from(*digit) << (bits % 32);
            digits.push(carry as u32);
            carry >>= 32;
        }
        digits.push(carry as u32);
        let mut natural = Self(digits);
        natural.trim();
        natural
    }

    /// `self / 2^bits`, rounded to the nearest, to the even one of two equally near. `sticky`: whether `self`
    /// stands for something a little larger than it is.
    pub(super) fn shifted_right_rounded(&self, bits: usize, sticky: bool) -> Self {
        if bits == 0 {
            return self.clone();
        }
        let whole = (bits / 32).min(self.0.len());
        let mut digits: Vec<u32> = self.0[whole..].to_vec();
        let shift = bits % 32;
        for index in 0..digits.len() {
            let above = digits.get(index + 1).copied().unwrap_or(0);
            digits[index] = ((u64::from(above) << 32 | u64::from(digits[index])) >> shift) as u32;
        }
        let mut quotient = Self(digits);
        quotient.trim();
        let half = self.bit(bits - 1);
        let above_half = sticky || self.any_bit_below(bits - 1);
        if half && (above_half || quotient.bit(0)) {
            quotient.add(&Self::from(1u64));
        }
        quotient
    }

    pub(super) fn add(&mut self, other: &Self) {
        let mut carry = 0u64;
        for index in 0..self.0.len().max(other.0.len()) + 1 {
            if index == self.0.len() {
                self.0.push(0);
            }
            carry += u64::from(self.0[index]) + u64::from(other.0.get(index).copied().unwrap_or(0));
            self.0[index] = carry as u32;
            carry >>= 32;
        }
        self.trim();
    }

    /// `self - other`, in place; `other` must not be larger.
    pub(super) fn subtract(&mut self, other: &Self) {
        debug_assert!(*other <= *self);
        let mut borrow = 0i64;
        for (index, digit) in self.0.iter_mut().enumerate() {
            borrow += i64::from(*digit) - i64::from(other.0.get(index).copied().unwrap_or(0));
            *digit = borrow as u32;
            borrow >>= 32;
        }
        self.trim();
    }

    /// `self / divisor`, which must be below `2^bits` and 128 bits, and whether it leaves a rest.
    pub(super) fn divided(mut self, divisor: &Self, bits: usize) -> (u128, bool) {
        let part = divisor.shifted_left(bits - 1);
        let mut quotient = 0;
        for _ in 0..bits {
            quotient <<= 1;
            if self >= part {
                self.subtract(&part);
                quotient |= 1;
            }
            self.multiply_add(2, 0);
        }
        (quotient, !self.is_zero())
    }

    /// ASCII decimal digits, none for 0.
    pub(super) fn into_decimal(mut self) -> Vec<u8> {
        let mut reversed = Vec::new();
        while !self.is_zero() {
            let mut rest = 0u64;
            for digit in self.0.iter_mut().rev() {
                rest = rest << 32 | u64::from(*digit);
                *digit = (rest / 1_000_000_000) as u32;
                rest %= 1_000_000_000;
            }
            self.trim();
            for _ in 0..9 {
                reversed.push(b'0' + (rest % 10) as u8);
                rest /= 10;
            }
        }
        while reversed.last() == Some(&b'0') {
            reversed.pop();
        }
        reversed.reverse();
        reversed
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
