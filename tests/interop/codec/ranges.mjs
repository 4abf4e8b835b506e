// Sets of sequences or delivery tags: ascending, disjoint, never adjacent `[first, last]` pairs of BigInts.

import { Malformed, maxVarint } from './bytes.mjs';

const maxRanges = 4096;

export function readRanges(reader) {
  const count = reader.number(maxRanges);
  if (count === 0) {
    throw new Malformed('no range');
  }
  const ranges = [];
  let next = 0n;
  for (let i = 0; i < count; i++) {
    const first = next + reader.varint();
    const last = first + reader.varint();
    if (first === 0n || last > maxVarint) {
      throw new Malformed(`a range from ${first} to ${last}`);
    }
    ranges.push([first, last]);
    next = last + 2n;
  }
  return ranges;
}

export function writeRanges(writer, ranges) {
  writer.varint(ranges.length);
  let next = 0n;
  for (const [first, last] of ranges.map((range) => range.map(BigInt))) {
    writer.varint(first - next).varint(last - first);
    next = last + 2n;
  }
}

/** The fewest ranges that hold exactly these numbers, which need no order. */
export function rangesOf(numbers) {
  const ranges = [];
  for (const number of [...numbers].sort((a, b) => (a < b ? -1 : 1))) {
    const latest = ranges.at(-1);
    if (latest && number === latest[1] + 1n) {
      latest[1] = number;
    } else {
      ranges.push([number, number]);
    }
  }
  return ranges;
}

export function* numbersIn(ranges) {
  for (const [first, last] of ranges) {
    for (let number = first; number <= last; number++) {
      yield number;
    }
  }
}
