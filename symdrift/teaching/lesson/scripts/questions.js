// Questions: whether what is asked for has been reached, and how far it is.

const solved = new Set();

// "the same as that of the study", "0.5 times that of the study".
function comparison(ratio, other) {
  if (Math.abs(ratio - 1) < 1e-9) return `the same as ${other}`;
  const text = readable(ratio);
  return text === "1" ? `almost the same as ${other}` : `${text} times ${other}`;
}

const near = (value, wanted) => Math.abs(value / wanted - 1) < 0.01;

// Share of the largest area that the loop encloses, exactly 0 and 1 where it should be.
function loopShare() {
  const {phase} = settings;
  return phase % 180 === 0 ? 0 : Math.sin(radians(phase));
}

function firstPlane(network) {
  const {axes} = minimumOf(network);
  return axes.length > 1 ? kernels.diffusionTensor(network)[axes[0]][axes[1]] : 0;
}

// Each says whether a network answers, and how far the present one is.  Asked are the network of
// all sliders and that of the step's own: no step is answered by what another has moved.
const goals = {
  loss(network) {
    const angle = turned(), here = movers.get("learning_rate") === "loss";
    const simulated = JSON.stringify(network) === JSON.stringify(simulation.network);
    return {
      met: here && simulated && angle >= 20 && !simulation.diverged,
      state: `The representation has turned by ${readable(angle)}°; `
        + (angle < 20 || here || solved.has("loss") ? "wanted are 20°." : "move the learning rate here and watch again."),
    };
  },
  manifold(network) {
    const lowest = kernels.loss(network);
    const above = valleyLoss(radians(settings.rotation), settings.stretch / 100) - lowest;
    return {
      met: settings.stretch === 0 && Math.abs(settings.rotation) >= 90,
      state: `Rotation ${readable(settings.rotation)}°; loss above the minimum: ${
        readable(settings.stretch === 0 ? 0 : above, 2)}.`,
    };
  },
  noise() {
    return {
      met: settings.probe === 0,
      state: settings.probe === 0 ? "The probe points along the orbit."
        : `The probe stands ${readable(settings.probe)}° away from the orbit.`,
    };
  },
  fluctuation(network) {
    const ratio = kernels.fluctuation(network)[1] / kernels.fluctuation(startingNetwork())[1];
    return {
      met: near(ratio, 0.5),
      state: `The excess loss is ${comparison(ratio, "that of the study")}.`,
    };
  },
  area() {
    const share = loopShare(), percent = readable(100 * Math.abs(share), 3);
    return {
      met: share === -1,
      state: share === 0 ? "This loop encloses no area and turns nothing."
        : share > 0 ? `This loop turns the other way, by ${percent} % of the largest rotation.`
          : `This loop reaches ${percent} % of the largest negative rotation.`,
    };
  },
  diffusion(network) {
    const ratio = firstPlane(network) / firstPlane(startingNetwork());
    const moved = movedBesides(["learning_rate"])
      .map(({text, index}) => index ? `${text} ${index}` : text);
    return {
      met: moved.length === 0 && near(ratio, 1 / 8),
      state: `Diffusion in plane (1, 2) is ${comparison(ratio, "that of the study")}`
        + (moved.length === 0 ? "." : `; set back what has moved as well: ${moved.join(", ")}.`),
    };
  },
  stimuli(network) {
    const {above, bound} = lesson.order, [first, other] = lesson.stimuli;
    const rates = [first, other].map(stimulus => rateOf(stimulus, network));
    const lost = [first, other].filter((_, k) => !(rates[k] > 0));
    if (lost.length > 0) {
      return {met: false, state: `Not learned here: ${lost.map(s => `“${s.name}”`).join(", ")}.`};
    }
    const ratio = rates[0] / rates[1];
    return {
      met: above ? ratio > bound : ratio < bound,
      state: `The ${lesson.compares} of “${first.name}” is `
        + `${comparison(ratio, `that of “${other.name}”`)}.`,
    };
  },
};

// What a step says about itself, and whether it is answered.
function answerOf(step) {
  const network = networkAt();
  if (!kernels.isStrict(network)) return {met: false, state: NOT_STRICT};
  if (minimumOf(network).rank < 2) return {met: false, state: TOO_FEW};
  const {met, state} = goals[step](network), own = ownNetwork(step);
  if (!met) return {met, state};
  if (kernels.isStrict(own) && minimumOf(own).rank > 1 && goals[step](own).met) return {met, state};
  return {met: false, state: `${state} Sliders of other steps have done this: press “Study values” `
    + "and reach it with the sliders here."};
}

function ask() {
  for (const step of Object.keys(goals)) {
    const section = byId(step);
    const {met, state} = answerOf(step);
    const line = section.querySelector(".state");
    if (line.textContent !== state) line.textContent = state;
    if (!met || solved.has(step)) continue;
    solved.add(step);
    section.classList.add("solved");
    const answer = section.querySelector("template").content.cloneNode(true);
    section.querySelector(".answer").replaceChildren(answer);
    const link = document.querySelector(`nav a[href="#${step}"]`);
    link.classList.add("solved");
    link.querySelector(".done").textContent = " (answered)";
  }
}
