// Small figures in SVG: axes with units, lines, points with error bars, ellipses, arrows.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, parent, text) {
  const found = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  if (text !== undefined) found.textContent = text;
  parent?.append(found);
  return found;
}

const SUPERSCRIPTS = {"-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷",
  8: "⁸", 9: "⁹"};

function powerOfTen(exponent) {
  return "10" + [...String(exponent)].map(character => SUPERSCRIPTS[character]).join("");
}

// A number for people: few digits, powers of ten where they help.
function readable(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -3 && exponent < 5) {
    return String(Number(value.toPrecision(digits))).replace("-", "−");
  }
  const mantissa = Number((value / 10 ** exponent).toPrecision(digits));
  return `${mantissa}·${powerOfTen(exponent)}`.replace(/^-/, "−");
}

function ticksOf(low, high, count) {
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(factor => factor * unit).find(value => value >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
    found.push(k * step);
  }
  return found;
}

function logTicksOf(low, high) {
  const found = [];
  for (let exponent = Math.floor(Math.log10(low)); 10 ** exponent <= high; exponent++) {
    const range = high / low;
    const factors = range > 30 ? [1] : range > 4 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 8];
    for (const factor of factors) {
      const value = factor * 10 ** exponent;
      if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
    }
  }
  return found;
}

// One figure.  Options: title, x and y = {label, low, high, log}, height, square.
class Plot {
  constructor(figure, options) {
    this.holder = figure.querySelector(".drawing");
    this.options = options;
    const width = Math.max(260, Math.min(this.holder.clientWidth || 480, 760));
    const {x, y} = options;
    this.left = y.log ? 84 : 62; this.right = 16; this.top = 12; this.bottom = 50;
    this.width = width;
    const room = width - this.left - this.right;
    this.height = options.square
      ? Math.min(room, 330) + this.top + this.bottom : Math.round(Math.max(250, Math.min(0.62 * width, 340)));
    if (options.square) this.left = Math.max(this.left, (width - Math.min(room, 330)) / 2);
    if (options.square) this.right = width - this.left - Math.min(room, 330);
    this.svg = element("svg", {
      viewBox: `0 0 ${width} ${this.height}`, width, height: this.height, "aria-hidden": "true",
    });
    this.x = this.scale(x, this.left, width - this.right);
    this.y = this.scale(y, this.height - this.bottom, this.top);
    this.axes();
    const clip = `clip-${figure.id}`;
    element("rect", {
      x: this.left, y: this.top, width: width - this.left - this.right,
      height: this.height - this.top - this.bottom,
    }, element("clipPath", {id: clip}, this.svg));
    this.inside = element("g", {"clip-path": `url(#${clip})`}, this.svg);
  }

  scale({low, high, log}, first, last) {
    const [a, b] = log ? [Math.log10(low), Math.log10(high)] : [low, high];
    return value => first + (last - first) * ((log ? Math.log10(value) : value) - a) / (b - a);
  }

  axes() {
    const {x, y} = this.options, base = this.height - this.bottom;
    const horizontal = x.log ? logTicksOf(x.low, x.high) : ticksOf(x.low, x.high, this.width / 90);
    const vertical = y.log ? logTicksOf(y.low, y.high) : ticksOf(y.low, y.high, this.height / 55);
    const shift = [x, y].map((axis, k) => {
      const largest = Math.max(...[horizontal, vertical][k].map(Math.abs), 1e-300);
      const exponent = Math.floor(Math.log10(largest) + 1e-9);
      return !axis.log && (exponent < -2 || exponent > 3) ? exponent : 0;
    });
    const label = (value, axis, exponent) => {
      if (axis.log) {
        const power = Math.log10(value);
        return Math.abs(power - Math.round(power)) < 1e-9 && (power < -2 || power > 3)
          ? powerOfTen(Math.round(power)) : readable(value, 2);
      }
      return readable(Number((value / 10 ** exponent).toPrecision(6)), 6);
    };
    for (const value of horizontal) {
      const at = this.x(value);
      element("line", {x1: at, x2: at, y1: this.top, y2: base, class: "grid"}, this.svg);
      element("text", {x: at, y: base + 18, class: "tick middle"}, this.svg,
        label(value, x, shift[0]));
    }
    for (const value of vertical) {
      const at = this.y(value);
      element("line", {
        x1: this.left, x2: this.width - this.right, y1: at, y2: at, class: "grid",
      }, this.svg);
      element("text", {x: this.left - 7, y: at + 4.5, class: "tick end"}, this.svg,
        label(value, y, shift[1]));
    }
    element("path", {
      d: `M${this.left},${this.top}V${base}H${this.width - this.right}`, class: "axis",
    }, this.svg);
    const named = (axis, exponent) =>
      exponent ? `${axis.label} (×${powerOfTen(exponent)})` : axis.label;
    element("text", {
      x: (this.left + this.width - this.right) / 2, y: this.height - 10, class: "label middle",
    }, this.svg, named(x, shift[0]));
    element("text", {
      transform: `translate(15 ${(this.top + base) / 2}) rotate(-90)`, class: "label middle",
    }, this.svg, named(y, shift[1]));
  }

  line(points, style) {
    const path = points.filter(([, value]) => Number.isFinite(value))
      .map(([x, y]) => `${this.x(x).toFixed(1)},${this.y(y).toFixed(1)}`).join("L");
    if (path) element("path", {d: `M${path}`, class: `line ${style}`}, this.inside);
    return this;
  }

  dots(points, style, radius = 2.4) {
    for (const [x, y] of points) {
      element("circle", {cx: this.x(x), cy: this.y(y), r: radius, class: `dot ${style}`},
        this.inside);
    }
    return this;
  }

  // Measured points with one standard error on either side.
  measured(points, style) {
    for (const {x, y, error} of points) {
      if (!Number.isFinite(y)) continue;
      const at = this.x(x);
      if (Number.isFinite(error)) {
        const floor = this.options.y.log ? this.options.y.low : -Infinity;
        const [low, high] = [Math.max(y - error, floor), y + error].map(value => this.y(value));
        element("path", {
          d: `M${at},${low}V${high}M${at - 5},${low}h10M${at - 5},${high}h10`,
          class: `bar ${style}`,
        }, this.inside);
      }
      if (this.options.y.log && y <= 0) continue;
      element("circle", {cx: at, cy: this.y(y), r: 4.5, class: `mark ${style}`}, this.inside);
    }
    return this;
  }

  arrow([x, y], style) {
    const [a, b, c, d] = [this.x(0), this.y(0), this.x(x), this.y(y)];
    const angle = Math.atan2(d - b, c - a);
    const head = [2.65, -2.65].map(turn =>
      `M${c},${d}L${c + 11 * Math.cos(angle + turn)},${d + 11 * Math.sin(angle + turn)}`).join("");
    element("path", {d: `M${a},${b}L${c},${d}${head}`, class: `line thick ${style}`}, this.inside);
    return this;
  }

  area(points, style) {
    const path = points.map(([x, y]) => `${this.x(x)},${this.y(y)}`).join("L");
    element("path", {d: `M${path}Z`, class: `area ${style}`}, this.inside);
    return this;
  }

  text([x, y], text, style) {
    element("text", {x: this.x(x), y: this.y(y), class: `note ${style}`}, this.svg, text);
    return this;
  }

  // Puts the figure in its place, with what it shows in words.
  show(description) {
    this.holder.replaceChildren(this.svg);
    this.holder.setAttribute("aria-label", description);
  }
}

// Points of an ellipse of given covariance, at so many standard deviations.
function ellipse(xx, xy, yy, deviations) {
  const mean = (xx + yy) / 2, half = Math.hypot((xx - yy) / 2, xy);
  const tilt = Math.atan2(2 * xy, xx - yy) / 2;
  const [long, short] = [mean + half, Math.max(mean - half, 0)]
    .map(value => deviations * Math.sqrt(value));
  return Array.from({length: 73}, (_, k) => {
    const t = 2 * Math.PI * k / 72;
    const [a, b] = [long * Math.cos(t), short * Math.sin(t)];
    return [a * Math.cos(tilt) - b * Math.sin(tilt), a * Math.sin(tilt) + b * Math.cos(tilt)];
  });
}
