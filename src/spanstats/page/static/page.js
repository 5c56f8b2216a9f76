// Improves pages that work without it: nothing here is needed to read or to compare.
"use strict";

// Runs that are ticked stay marked, and the button says how many there are.
for (const form of document.querySelectorAll("form[data-compare]")) {
  const button = form.querySelector("button[data-count]");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const show = () => {
    const ticked = boxes.filter((box) => box.checked);
    for (const box of boxes) box.closest("tr")?.classList.toggle("chosen", box.checked);
    button.disabled = ticked.length < 2;
    button.textContent = ticked.length < 2 ? "Tick two runs to compare" : `Compare ${ticked.length} runs`;
  };
  form.addEventListener("change", show);
  show();
}

// A row of the filter is added and removed at once instead of by a request.
for (const form of document.querySelectorAll("form[data-filter]")) {
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button[name]");
    if (!button) return;
    const rows = [...form.querySelectorAll("fieldset.condition")];
    if (button.name === "add" && rows.length) {
      event.preventDefault();
      const copy = rows[rows.length - 1].cloneNode(true);
      const number = rows.length;
      for (const input of copy.querySelectorAll("input, select")) {
        input.value = input.tagName === "SELECT" ? input.options[0].value : "";
        const label = copy.querySelector(`label[for="${input.id}"]`);
        input.id = `${input.id.replace(/\d+$/, "")}${number}`;
        if (label) label.htmlFor = input.id;
      }
      rows[rows.length - 1].after(copy);
      copy.querySelector("input, select").focus();
    } else if (button.name === "drop" && rows.length > 1) {
      event.preventDefault();
      button.closest("fieldset").remove();
      form.querySelector("fieldset input").focus();
    }
  });
}

// Commands are copied by a button that is only there where it works.
for (const command of document.querySelectorAll(".command")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(command.querySelector("pre").textContent);
    button.textContent = "Copied";
  });
  command.append(button);
}
