// A two-layer linear network under online SGD, and what is measured on it.
//
// Matrices are arrays row by row.  Only hidden units that are used are simulated: a silent
// unit stays silent, so that nothing depends on it.

const WINDOW = 8;       // length of a window, in slowest relaxation times
const SAMPLES = 1;       // samples of the fluctuation per relaxation time
const BLOCK = 40;        // samples that are averaged before errors are estimated
const HISTORY = 400;    // points of a curve in time
const MEMORY = 4096;    // windows that mean-squared displacements are taken from

function transposed(a, rows, columns) {
  const found = new Float64Array(a.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) {
    found[j * rows + i] = a[i * columns + j];
  }
  return found;
}

function product(a, b, rows, inner, columns) {
  const found = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let k = 0; k < inner; k++) {
    const value = a[i * inner + k];
    for (let j = 0; j < columns; j++) found[i * columns + j] += value * b[k * columns + j];
  }
  return found;
}

function inverse(matrix, size) {
  const a = Float64Array.from(matrix), found = new Float64Array(size * size);
  for (let i = 0; i < size; i++) found[i * size + i] = 1;
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) {
      if (Math.abs(a[i * size + k]) > Math.abs(a[pivot * size + k])) pivot = i;
    }
    for (const rows of [a, found]) for (let j = 0; j < size; j++) {
      [rows[k * size + j], rows[pivot * size + j]] = [rows[pivot * size + j], rows[k * size + j]];
    }
    const scale = 1 / a[k * size + k];
    for (const rows of [a, found]) for (let j = 0; j < size; j++) rows[k * size + j] *= scale;
    for (let i = 0; i < size; i++) {
      const factor = a[i * size + k];
      if (i === k || factor === 0) continue;
      for (const rows of [a, found]) for (let j = 0; j < size; j++) {
        rows[i * size + j] -= factor * rows[k * size + j];
      }
    }
  }
  return found;
}

// Orthogonal polar factor, by Newton's iteration X <- (X + X^-T) / 2.
function polar(matrix, size) {
  let x = matrix;
  for (let k = 0; k < 60; k++) {
    const other = transposed(inverse(x, size), size, size);
    let change = 0;
    const next = x.map((value, index) => {
      const mean = (value + other[index]) / 2;
      change = Math.max(change, Math.abs(mean - value));
      return mean;
    });
    x = next;
    // Convergence is quadratic: what is left now is beyond double precision.
    if (change < 1e-8) break;
  }
  return x;
}

// Mean and standard error of a stream of values, from averages over blocks of them.
class Average {
  constructor(block) {
    this.block = block;
    this.inBlock = 0; this.partial = 0;
    this.count = 0; this.sum = 0; this.squares = 0;
  }

  add(value) {
    this.partial += value;
    this.inBlock += 1;
    if (this.inBlock < this.block) return;
    const mean = this.partial / this.block;
    this.count += 1; this.sum += mean; this.squares += mean * mean;
    this.inBlock = 0; this.partial = 0;
  }

  get mean() { return this.count > 0 ? this.sum / this.count : NaN; }

  // With few blocks their scatter is uncertain itself: Student's factor, in powers of 1 / degrees
  // of freedom, makes the bar cover the truth as often as one standard error does.
  get error() {
    if (this.count < 8) return NaN;
    const variance = this.squares / this.count - this.mean ** 2;
    const freedom = this.count - 1;
    const student = 1 + 0.5 / freedom + 0.25 / freedom ** 2;
    return student * Math.sqrt(Math.max(variance, 0) / freedom);
  }
}

// The minimum of a network: hidden axes by decreasing singular value, and the weights there.
function minimumOf(network) {
  const {inputs, outputs} = network;
  const values = kernels.singularValues(network);
  const order = values.map((_, k) => k).filter(k => values[k] > 0)
    .sort((a, b) => values[b] - values[a] || a - b);
  const rank = order.length;
  const first = new Float64Array(rank * inputs), second = new Float64Array(outputs * rank);
  order.forEach((axis, k) => {
    first[k * inputs + axis] = second[axis * rank + k] = Math.sqrt(values[axis]);
  });
  return {rank, axes: order, values: order.map(k => values[k]), first, second};
}

function expectedLoss(network, rank, first, second) {
  const {inputs, outputs, covariance, gains, label_noise, weight_decay} = network;
  let loss = 0;
  for (let o = 0; o < outputs; o++) {
    loss += label_noise[o] / 2;
    for (let i = 0; i < inputs; i++) {
      let residual = o === i ? gains[i] : 0;
      for (let k = 0; k < rank; k++) residual -= second[o * rank + k] * first[k * inputs + i];
      loss += residual * residual * covariance[i] / 2;
    }
  }
  let norm = 0;
  for (const value of first) norm += value * value;
  for (const value of second) norm += value * value;
  return loss + weight_decay * norm / 2;
}

// The action of the generator of a hidden plane: W -> Omega W, U -> -U Omega.
function generated(plane, rank, inputs, outputs, first, second) {
  const [i, j] = plane;
  const a = new Float64Array(first.length), b = new Float64Array(second.length);
  for (let c = 0; c < inputs; c++) {
    a[i * inputs + c] = first[j * inputs + c];
    a[j * inputs + c] = -first[i * inputs + c];
  }
  for (let o = 0; o < outputs; o++) {
    b[o * rank + i] = second[o * rank + j];
    b[o * rank + j] = -second[o * rank + i];
  }
  return [a, b];
}

// The unit vector u_ab of the fluctuation (output axis a, input axis b), as both layers.
function normalDirection(minimum, network, a, b) {
  const {inputs, outputs} = network, {rank} = minimum;
  const first = new Float64Array(rank * inputs), second = new Float64Array(outputs * rank);
  for (let k = 0; k < rank; k++) {
    first[k * inputs + b] += minimum.second[a * rank + k];
    second[a * rank + k] += minimum.first[k * inputs + b];
  }
  const norm = Math.sqrt(inner([first, second], [first, second]));
  return [first.map(value => value / norm), second.map(value => value / norm)];
}

function inner(left, right) {
  let sum = 0;
  for (let layer = 0; layer < 2; layer++) {
    for (let k = 0; k < left[layer].length; k++) sum += left[layer][k] * right[layer][k];
  }
  return sum;
}

class Simulation {
  constructor(network, stimuli, seed) {
    this.network = network;
    this.random = new Random(seed);
    this.minimum = minimumOf(network);
    const {rank, first, second} = this.minimum;
    this.rank = rank;
    this.first = Float64Array.from(first);
    this.second = Float64Array.from(second);
    this.steps = 0;
    this.diverged = false;
    const [softest] = kernels.hessianRange({...network, hidden: rank});
    this.relaxation = Math.max(1, Math.ceil(1 / (network.learning_rate * softest)));
    this.window = WINDOW * this.relaxation;
    this.interval = Math.max(1, Math.round(this.relaxation / SAMPLES));
    this.burnIn = 2 * this.window;
    this.planes = [];
    for (let i = 0; i < rank; i++) for (let j = i + 1; j < rank; j++) this.planes.push([i, j]);
    this.representations = stimuli.map(x => this.represent(x, first));
    this.followed = this.representations.findIndex(w => w.some(value => value !== 0));
    this.stimuli = stimuli;
    this.history = [];
    this.stride = this.interval;
    this.cloud = [];
    this.excess = new Average(BLOCK);
    this.spread = new Average(BLOCK);
    this.windows = [];
    this.windowCount = 0;
    this.rates = this.planes.map(() => new Average(5));
    this.decays = this.representations.map(() => new Average(5));
    this.before = null;
    this.previous = null;
    this.loss = kernels.loss(network);
    this.x = new Float64Array(network.inputs);
    this.error = new Float64Array(network.outputs);
    this.hidden = new Float64Array(rank);
    this.back = new Float64Array(rank);
    this.gradients = [new Float64Array(first.length), new Float64Array(second.length)];
    this.deviation = Array.from(network.covariance, Math.sqrt);
    this.noise = Array.from(network.label_noise, Math.sqrt);
  }

  represent(x, first) {
    const {inputs} = this.network;
    return Array.from({length: this.rank}, (_, k) =>
      x.reduce((sum, value, c) => sum + value * first[k * inputs + c], 0));
  }

  // Adds the gradient of the squared error of one fresh sample to this.gradients.
  sample() {
    const {inputs, outputs, gains} = this.network;
    const {rank, first, second, x, error, hidden, back, random} = this;
    const [gradFirst, gradSecond] = this.gradients;
    for (let c = 0; c < inputs; c++) x[c] = this.deviation[c] * random.normal();
    for (let k = 0; k < rank; k++) {
      let sum = 0;
      for (let c = 0; c < inputs; c++) sum += first[k * inputs + c] * x[c];
      hidden[k] = sum;
      back[k] = 0;
    }
    for (let o = 0; o < outputs; o++) {
      let e = o < inputs ? gains[o] * x[o] : 0;
      if (this.noise[o] > 0) e += this.noise[o] * random.normal();
      for (let k = 0; k < rank; k++) e -= second[o * rank + k] * hidden[k];
      error[o] = e;
      for (let k = 0; k < rank; k++) {
        back[k] += second[o * rank + k] * e;
        gradSecond[o * rank + k] -= e * hidden[k];
      }
    }
    for (let k = 0; k < rank; k++) {
      for (let c = 0; c < inputs; c++) gradFirst[k * inputs + c] -= back[k] * x[c];
    }
  }

  // Gradient of the loss of one sample at the weights as they are, weight decay included.
  sampleGradient() {
    this.gradients.forEach(layer => layer.fill(0));
    this.sample();
    const {weight_decay} = this.network;
    return [
      this.gradients[0].map((value, k) => value + weight_decay * this.first[k]),
      this.gradients[1].map((value, k) => value + weight_decay * this.second[k]),
    ];
  }

  step() {
    const {learning_rate, weight_decay, batch} = this.network;
    const [gradFirst, gradSecond] = this.gradients;
    gradFirst.fill(0);
    gradSecond.fill(0);
    for (let k = 0; k < batch; k++) this.sample();
    const share = learning_rate / batch, kept = 1 - learning_rate * weight_decay;
    for (let k = 0; k < gradFirst.length; k++) {
      this.first[k] = kept * this.first[k] - share * gradFirst[k];
    }
    for (let k = 0; k < gradSecond.length; k++) {
      this.second[k] = kept * this.second[k] - share * gradSecond[k];
    }
    this.steps += 1;
  }

  // Hidden rotation Q with theta = Q (theta* + n), and the normal fluctuation n.
  rotation() {
    const {rank, minimum, network: {inputs, outputs}} = this;
    const left = product(this.first, transposed(minimum.first, rank, inputs), rank, inputs, rank);
    const right = product(
      transposed(this.second, outputs, rank), minimum.second, rank, outputs, rank);
    return polar(left.map((value, k) => value + right[k]), rank);
  }

  fluctuation(rotation) {
    const {rank, minimum, network: {inputs, outputs}} = this;
    const first = product(transposed(rotation, rank, rank), this.first, rank, rank, inputs);
    const second = product(this.second, rotation, outputs, rank, rank);
    return [
      first.map((value, k) => value - minimum.first[k]),
      second.map((value, k) => value - minimum.second[k]),
    ];
  }

  // SGD steps; measurements happen at fixed step numbers, however the steps are portioned.
  run(steps) {
    for (let k = 0; k < steps && !this.diverged; k++) {
      this.step();
      if (this.steps % this.stride === 0) this.remember();
      if (this.steps <= this.burnIn) continue;
      if (this.steps % this.interval === 0) this.observe();
      if (this.steps % this.window === 0) this.closeWindow();
    }
  }

  remember() {
    const loss = expectedLoss(this.network, this.rank, this.first, this.second);
    if (!Number.isFinite(loss)) {
      this.diverged = true;
      return;
    }
    const components = this.followed < 0
      ? [] : this.represent(this.stimuli[this.followed], this.first);
    this.history.push({step: this.steps, loss, components});
    if (this.history.length < HISTORY) return;
    this.history = this.history.filter((_, k) => k % 2 === 1);
    this.stride *= 2;
  }

  observe() {
    const rotation = this.rotation();
    const moved = this.fluctuation(rotation);
    this.excess.add(
      expectedLoss(this.network, this.rank, this.first, this.second) - this.loss);
    this.spread.add(inner(moved, moved));
    if (this.rank < 2) return;
    const [i, j] = this.minimum.axes;
    this.pair ??= [
      normalDirection(this.minimum, this.network, i, j),
      normalDirection(this.minimum, this.network, j, i),
    ];
    this.cloud.push(this.pair.map(direction => inner(direction, moved)));
    if (this.cloud.length > HISTORY) this.cloud.shift();
  }

  closeWindow() {
    if (this.rank < 2) return;
    const {rank} = this;
    const rotation = this.rotation();
    if (this.before !== null) {
      const turned = product(transposed(this.before, rank, rank), rotation, rank, rank, rank);
      const angles = this.planes.map(
        ([i, j]) => (turned[i * rank + j] - turned[j * rank + i]) / 2);
      this.addAngles(angles);
    }
    this.before = rotation;
  }

  // Var(X_k) + 2 Cov(X_k, X_k+1) of successive windows is V times their length: the constant
  // that the ends of a window contribute drops out.
  addAngles(angles) {
    const {rank} = this;
    this.windowCount += 1;
    this.windows.push(angles);
    if (this.windows.length > MEMORY) this.windows.shift();
    if (this.previous !== null) {
      const last = this.previous;
      angles.forEach((angle, k) =>
        this.rates[k].add(last[k] * (last[k] + 2 * angle) / (2 * this.window)));
      this.representations.forEach((w, s) => {
        const square = w.reduce((sum, value) => sum + value * value, 0);
        if (square === 0) return;
        const [then, now] = [last, angles].map(values => {
          const change = new Array(rank).fill(0);
          this.planes.forEach(([i, j], k) => {
            change[i] += values[k] * w[j];
            change[j] -= values[k] * w[i];
          });
          return change;
        });
        const sum = then.reduce((total, value, k) => total + value * (value + 2 * now[k]), 0);
        this.decays[s].add(sum / (2 * this.window * square));
      });
    }
    this.previous = angles;
  }

  // Mean-squared rotation of one plane after 1, 2, 4... windows, with standard errors.
  displacements(plane) {
    const found = [];
    for (let lag = 1; lag <= 32 && this.windows.length >= 8 * lag; lag *= 2) {
      const average = new Average(1);
      for (let start = 0; start + lag <= this.windows.length; start += lag) {
        let angle = 0;
        for (let k = start; k < start + lag; k++) angle += this.windows[k][plane];
        average.add(angle * angle);
      }
      found.push({lag: lag * this.window, mean: average.mean, error: average.error});
    }
    return found;
  }
}

// Rotation of one plane, step by step: measured, and summed from the area that is swept.
function traceRotation(network, seed, steps) {
  const simulation = new Simulation(network, [], seed);
  const {rank, minimum} = simulation, {inputs, outputs} = network;
  const plane = [0, 1];
  const length = 2 * (minimum.values[0] + minimum.values[1]);
  const trace = [{step: 0, angle: 0, area: 0}];
  let rotation = simulation.rotation();
  let moved = simulation.fluctuation(rotation);
  let angle = 0, area = 0;
  for (let step = 1; step <= steps; step++) {
    simulation.step();
    const next = simulation.rotation();
    const turned = product(transposed(rotation, rank, rank), next, rank, rank, rank);
    angle += (turned[1] - turned[rank]) / 2;
    const then = simulation.fluctuation(next);
    const change = then.map((layer, k) => layer.map((value, index) => value - moved[k][index]));
    area -= inner(change, generated(plane, rank, inputs, outputs, ...moved)) / length;
    rotation = next;
    moved = then;
    if (step % 5 === 0) trace.push({step, angle, area});
  }
  return trace;
}

// Takes out of a move of the weights what lies along their orbit.
function acrossOrbit(move, {planes, rank, network: {inputs, outputs}, first, second}) {
  const basis = [];
  const without = (vector, unit) => {
    const share = inner(vector, unit);
    return vector.map((layer, k) => layer.map((value, index) => value - share * unit[k][index]));
  };
  for (const plane of planes) {
    const tangent = basis.reduce(without, generated(plane, rank, inputs, outputs, first, second));
    const norm = Math.sqrt(inner(tangent, tangent));
    basis.push(tangent.map(layer => layer.map(value => value / norm)));
  }
  return basis.reduce(without, move);
}

// Rotation of the first plane after the fluctuation has run once around the loop
// n = size (cos t u_ii + cos(t - phase) u_ij).  It is measured: weights are carried from point to
// point by moves across the orbit, as gradients are, and the polar factor says how they come back.
function loopRotation(network, size, phase) {
  const carried = new Simulation(network, [], 0);
  const {rank, minimum} = carried, {inputs, outputs} = network, [i, j] = minimum.axes;
  const own = normalDirection(minimum, network, i, i);
  const other = normalDirection(minimum, network, i, j);
  const parts = 400;
  for (let part = 0; part <= parts; part++) {
    const t = 2 * Math.PI * part / parts;
    const rotation = carried.rotation();
    const [first, second] = [minimum.first, minimum.second].map((layer, k) =>
      layer.map((value, index) => value
        + size * (Math.cos(t) * own[k][index] + Math.cos(t - phase) * other[k][index])));
    const aim = [
      product(rotation, first, rank, rank, inputs),
      product(second, transposed(rotation, rank, rank), outputs, rank, rank),
    ];
    const move = [
      aim[0].map((value, k) => value - carried.first[k]),
      aim[1].map((value, k) => value - carried.second[k]),
    ];
    const [dFirst, dSecond] = acrossOrbit(move, carried);
    carried.first = carried.first.map((value, k) => value + dFirst[k]);
    carried.second = carried.second.map((value, k) => value + dSecond[k]);
  }
  const rotation = carried.rotation();
  return Math.atan2(rotation[1] - rotation[rank], rotation[0] + rotation[rank + 1]);
}
