// The form: a labelled field for each input that the planner describes.

export function drawForm(form, inputs) {
  const further = form.querySelector("details");
  for (const input of inputs) {
    const field = document.createElement("div");
    field.className = "field";
    const label = element("label", { htmlFor: `input-${input.name}`, textContent: input.label });
    field.append(label, input.choices.length ? choice(input) : text(input));
    if (input.help) {
      field.append(element("small", { id: `help-${input.name}`, textContent: input.help }));
      field.querySelector("select, input").setAttribute("aria-describedby", `help-${input.name}`);
    }
    if (input.further) further.querySelector("div").append(field);
    else form.insertBefore(field, further);
  }
}

// What is given, by the input's name: a blank field is not.
export function valuesOf(form) {
  return Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
}

export function fill(form, values) {
  for (const field of fieldsOf(form)) {
    const value = values[field.name] ?? "";
    // A link may hold a choice that this planner does not have: the planner says so itself.
    if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) {
      field.add(new Option(value));
    }
    field.value = value;
    if (value && field.closest("details")) field.closest("details").open = true;
  }
}

// The sizes of the chosen series. A size that another series has too stays.
export function offerSizes(form, sizes) {
  const field = form.elements.size;
  const wanted = field.value;
  field.replaceChildren(...sizes.map((size) => new Option(size)));
  field.value = sizes.includes(wanted) ? wanted : sizes[0];
}

// The planner names the option that it refuses, as argparse does.
export function markRefused(form, refusal) {
  for (const field of fieldsOf(form)) {
    const named = refusal.includes(`argument --${field.name}:`) || refusal.includes(`argument ${field.name.toUpperCase()}:`);
    if (named) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

function choice({ name, choices, required }) {
  const select = element("select", { id: `input-${name}`, name });
  if (!required) select.add(new Option("default", ""));
  for (const value of choices) select.add(new Option(value));
  return select;
}

function text({ name, mode, suggestions }) {
  const input = element("input", { id: `input-${name}`, name, inputMode: mode, autocomplete: "off", spellcheck: false });
  if (!suggestions.length) return input;
  const list = element("datalist", { id: `suggestions-${name}` });
  list.append(...suggestions.map((value) => new Option("", value)));
  input.setAttribute("list", list.id);
  const both = document.createDocumentFragment();
  both.append(input, list);
  return both;
}

function fieldsOf(form) {
  return [...form.elements].filter((field) => field.name);
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
