"use strict";
const announce = document.getElementById("announce");
const steps = [...document.querySelectorAll("details")].filter(part => !part.closest("nav"));

// Copying: the clipboard of the browser, or the old command where a page from disk has none.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
for (const button of document.querySelectorAll(".copy button")) {
  const name = button.textContent;
  button.addEventListener("click", async () => {
    const done = await copy(button.nextElementSibling.content.textContent);
    button.textContent = done ? "Copied" : "Not copied";
    announce.textContent = button.getAttribute("aria-label") + (done ? ": done" : ": refused");
    button.focus();
    setTimeout(() => { button.textContent = name; }, 1500);
  });
}

// A strip that scrolls can be scrolled from the keyboard too.
const watcher = new ResizeObserver(entries => {
  for (const { target } of entries) {
    const wide = target.scrollWidth > target.clientWidth + 1;
    target.classList.toggle("wide", wide);
    if (wide) {
      target.tabIndex = 0;
      target.setAttribute("role", "region");
      target.setAttribute("aria-label", target.dataset.name + ", scrolls sideways");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) target.removeAttribute(name);
    }
  }
});
for (const strip of document.querySelectorAll(".strip")) watcher.observe(strip);

// Folding: all steps at once, all of them on paper, and the way to what a link names.
const fold = document.getElementById("fold");
fold.addEventListener("click", () => {
  const open = fold.dataset.open !== "true";
  for (const part of document.querySelectorAll("details.step")) part.open = open;
  fold.dataset.open = String(open);
  fold.textContent = open ? "Fold all steps" : "Unfold all steps";
});
let folded = [];
addEventListener("beforeprint", () => {
  folded = steps.filter(part => !part.open);
  for (const part of folded) part.open = true;
});
addEventListener("afterprint", () => { for (const part of folded) part.open = false; });
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) {
    part.open = true;
  }
  target.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (location.hash) reveal();

const contents = document.getElementById("contents");
const narrow = matchMedia("(max-width: 71.99rem)");
contents.open = !narrow.matches;
narrow.addEventListener("change", () => { contents.open = !narrow.matches; });
contents.addEventListener("click", event => {
  if (narrow.matches && event.target.closest("a")) contents.open = false;
});

const theme = document.getElementById("theme");
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
});
for (const control of document.querySelectorAll("[hidden].control")) control.hidden = false;
