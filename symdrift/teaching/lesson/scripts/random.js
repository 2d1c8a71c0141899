// Seeded random numbers: the small fast counting generator (sfc32) of the PractRand suite.

class Random {
  constructor(seed) {
    this.a = 0; this.b = seed >>> 0; this.c = Math.floor(seed / 4294967296) >>> 0; this.counter = 1;
    this.spare = NaN;
    for (let k = 0; k < 15; k++) this.bits();
  }

  bits() {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum | 0;
    return sum >>> 0;
  }

  uniform() {
    return ((this.bits() >>> 5) * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  // Standard normal, by the polar method of Marsaglia; two at a time.
  normal() {
    if (!Number.isNaN(this.spare)) {
      const kept = this.spare;
      this.spare = NaN;
      return kept;
    }
    let x, y, square;
    do {
      x = 2 * this.uniform() - 1;
      y = 2 * this.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt(-2 * Math.log(square) / square);
    this.spare = y * factor;
    return x * factor;
  }
}
