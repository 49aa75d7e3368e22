// rustc -O --edition 2021 reader.rs && ./reader IMAGES LABELS SEED EPOCH   (unpacked IDX files)
use std::{env, error::Error, fs};

/// The sizes of a uint8 IDX file, the first being the number of examples, and its bytes.
fn read_idx(path: &str) -> Result<(Vec<usize>, Vec<u8>), Box<dyn Error>> {
    let bytes = fs::read(path)?;
    if bytes.len() < 4 || bytes[..3] != [0, 0, 8] || bytes.len() < 4 + 4 * bytes[3] as usize {
        return Err(format!("{path}: no IDX file of bytes (unpack .gz first)").into());
    }
    let (head, data) = bytes.split_at(4 + 4 * bytes[3] as usize);
    let sizes = head[4..].chunks(4).map(|b| u32::from_be_bytes(b.try_into().unwrap()) as usize);
    let shape: Vec<usize> = sizes.collect();
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if count != Some(data.len()) {
        return Err(format!("{path}: of another length").into());
    }
    Ok((shape, data.to_vec()))
}

fn fmix32(mut x: u32) -> u32 {
    x = (x ^ x >> 16).wrapping_mul(0x85ebca6b);
    x = (x ^ x >> 13).wrapping_mul(0xc2b2ae35);
    x ^ x >> 16
}

fn rol(x: u32, by: u32, w: u32) -> u32 {
    (x << by % w | x >> (w - by % w)) & ((1 << w) - 1)
}

fn f(x: u32, w: u32) -> u32 {
    rol(x, 1, w) & rol(x, 8, w) ^ rol(x, 2, w)
}

/// The example at a position of an epoch's order of n examples.
fn index_shuffle(mut index: u64, n: u64, seed: u64, epoch: u32) -> u64 {
    if n == 1 {
        return 0;
    }
    let bits = (64 - (n - 1).leading_zeros()).next_multiple_of(2).max(16);
    let (w, mask) = (bits / 2, (1u32 << bits / 2) - 1);
    let mut r = [0u32; 8];
    for j in 0..8 {
        r[j] = mask & if j < 3 {
            let low = fmix32((seed as u32).wrapping_add((j as u32 + 1).wrapping_mul(0x9e3779b9)));
            fmix32(epoch ^ fmix32((seed >> 32) as u32 ^ low))
        } else {
            let z = (0x7369f885192c0ef5u64 >> (j - 3) & 1) as u32;
            0xfffffffc ^ z ^ r[j - 3] ^ rol(r[j - 1], w - 3, w) ^ rol(r[j - 1], w - 4, w)
        };
    }
    loop {
        let (mut left, mut right) = ((index >> w) as u32, index as u32 & mask);
        for i in (0..8).step_by(2) {
            left ^= f(right, w) ^ r[i];
            right ^= f(left, w) ^ r[i + 1];
        }
        index = (left as u64) << w | right as u64;
        if index < n {
            return index;
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().collect();
    let ((shape, pixels), (count, labels)) = (read_idx(&args[1])?, read_idx(&args[2])?);
    let count = count[0];
    if shape[0] != count {
        return Err("another number of labels than of images".into());
    }
    let sum: u64 = labels.iter().map(|&label| label as u64).sum();
    let (mut a, mut b) = (1u32, 0u32);
    for &pixel in &pixels {
        a = (a + pixel as u32) % 65521;
        b = (b + a) % 65521;
    }
    let (seed, epoch) = (args[3].parse()?, args[4].parse()?);
    let first = (0..count.min(10) as u64).map(|i| index_shuffle(i, count as u64, seed, epoch));
    let indices: Vec<String> = first.map(|index| index.to_string()).collect();
    println!("count {count}\nlabels {sum}\nadler32 {:08x}", b << 16 | a);
    println!("order {}", indices.join(" "));
    Ok(())
}
