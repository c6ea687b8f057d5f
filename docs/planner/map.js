// The map: what each size needs on each usual GPU, with the colour of its kind of plan.

export function drawMap(sizes, gpus, choose) {
  const map = document.getElementById("map");
  map.tBodies[0].replaceChildren();
  map.tHead.rows[0].replaceChildren(document.createElement("td"), ...gpus.map((gpu) => heading("col", gpu)));
  for (const size of sizes) {
    const row = map.tBodies[0].insertRow();
    row.dataset.size = size;
    row.append(heading("row", size));
    for (const gpu of gpus) {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.gpu = gpu;
      write(button, "…", `${size} on ${gpu}`);
      button.addEventListener("click", () => choose(size, gpu));
      row.insertCell().append(button);
    }
  }
}

export function drawRow(size, cells) {
  for (const { gpu, outcome, gpus, replicas, awq, summary } of cells) {
    const button = document.querySelector(`#map tr[data-size="${CSS.escape(size)}"] button[data-gpu="${CSS.escape(gpu)}"]`);
    if (!button) return; // of a series that is no longer chosen
    const runs = outcome === "ok" && replicas > 0;
    button.className = !runs ? "none" : awq ? "awq" : gpus * replicas === 1 ? "one" : "several";
    const count = replicas > 1 ? `${replicas} × ${gpus}` : gpus;
    write(button, runs ? `${count}${awq ? " AWQ" : ""}` : "–", `${size} on ${gpu}: ${summary}`);
  }
}

export function markChosen({ size, gpu }) {
  for (const button of document.querySelectorAll("#map button")) {
    const chosen = button.closest("tr").dataset.size === size && button.dataset.gpu === gpu;
    button.setAttribute("aria-pressed", String(chosen));
  }
}

// The name begins with what is seen, so that a person can say it to the browser.
function write(button, seen, meant) {
  button.textContent = seen;
  button.title = meant;
  button.setAttribute("aria-label", `${seen}, ${meant}`);
}

function heading(scope, text) {
  return Object.assign(document.createElement("th"), { scope, textContent: text });
}
