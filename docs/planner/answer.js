// The answer: a plan as the command prints it, its memory as a bar, and what to copy. All of it goes in as text.

const COPIED_MILLISECONDS = 2000;

export function drawAnswer({ code, refusal, headline, reason, command, text, json, yaml, total, memory, speed }) {
  if (refusal) return drawVerdict("refused", "There is no plan", refusal);
  drawVerdict(code ? "fails" : "runs", headline, reason);
  document.getElementById("plan").hidden = false;
  for (const [id, content] of Object.entries({ text, json, yaml, command })) {
    document.getElementById(id).textContent = content;
  }
  document.getElementById("resource").hidden = !yaml;
  drawMemory(memory, total);
  drawSpeed(speed);
}

export function drawFailure(message) {
  drawVerdict("refused", "The planner cannot run here", message);
}

export function enableCopying() {
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.addEventListener("click", () => copy(document.getElementById(button.dataset.copies)));
  }
}

function drawVerdict(kind, headline, reason) {
  document.getElementById("verdict").className = kind;
  document.getElementById("headline").textContent = headline;
  document.getElementById("reason").textContent = reason;
  document.getElementById("plan").hidden = true;
}

function drawMemory(memory, total) {
  const bar = document.getElementById("bar");
  const words = memory.map(({ name, mib }) => `${name} ${mib} MiB`).join(", ");
  bar.setAttribute("aria-label", `${total} MiB: ${words}`);
  bar.replaceChildren(...memory.map(({ name, mib }) => part(name, mib)));
  const rows = memory.map(({ name, mib }) => row(name, mib, total));
  document.querySelector("#parts tbody").replaceChildren(...rows);
}

function part(name, mib) {
  const piece = document.createElement("span");
  piece.className = partClass(name);
  piece.style.flexGrow = mib;
  return piece;
}

function row(name, mib, total) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  const swatch = document.createElement("span");
  swatch.className = `swatch ${partClass(name)}`;
  head.append(swatch, name);
  line.append(head);
  for (const content of [`${mib} MiB`, `${((100 * mib) / total).toFixed(1)} %`]) {
    line.insertCell().textContent = content;
  }
  return line;
}

function drawSpeed(speed) {
  document.getElementById("speed").hidden = !speed;
  if (!speed) return;
  const doubt = speed.calibrated ? "" : " This is a roofline: nothing like it was measured.";
  document.getElementById("limit").textContent =
    `At most ${speed.most} requests per second; the limit is ${speed.limit}.${doubt}`;
  const most = Math.max(...speed.points.map((point) => point.requestsPerSecond));
  document.querySelector("#curve tbody").replaceChildren(...speed.points.map((point) => pointRow(point, most)));
}

function pointRow({ concurrency, requestsPerSecond, ttftSeconds }, most) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = concurrency;
  line.append(head);
  const rate = line.insertCell();
  const piece = document.createElement("span");
  piece.className = "rate";
  piece.style.width = `${(10 * requestsPerSecond) / most}rem`;
  rate.append(piece, requestsPerSecond);
  line.insertCell().textContent = `${ttftSeconds} s`;
  return line;
}

function partClass(name) {
  return `part-${name.replace(" ", "-")}`;
}

async function copy(source) {
  const told = document.getElementById("copying");
  try {
    await navigator.clipboard.writeText(source.textContent);
    told.textContent = "Copied";
  } catch {
    // Without the right to write the clipboard, one key copies what is selected.
    getSelection().selectAllChildren(source);
    told.textContent = "Selected: copy it with the keyboard";
  }
  told.className = "told";
  setTimeout(() => {
    told.textContent = "";
    told.className = "unseen";
  }, COPIED_MILLISECONDS);
}
