// Results: the selected one beside its original, and a strip of all that this tab had, the newest first.
//
// From the server: props.shown = {results: [{key, before, after, thumbnail, caption, alt, facts, file, name}], cleared},
// cleared where none is of the photo that the page shows now. To the server: the event 'next' with the key.
const { fileUrl, make } = window.exegan;
const find = (selector) => element.querySelector(selector);
const [compare, handle, download, next] = [find(".compare"), find(".compare input"), find(".download"), find(".next")];
let selected = null; // key of the result that is shown
let newest = null;

function results() {
  return props.shown?.results ?? [];
}

function slide() {
  compare.style.setProperty("--share", `${handle.value}%`);
}

function show() {
  const result = results().find(({ key }) => key === selected);
  compare.hidden = !result;
  find(".hint").hidden = Boolean(result);
  find(".facts").textContent = result?.facts ?? "";
  next.disabled = !result;
  download.setAttribute("aria-disabled", String(!result));
  for (const button of find(".strip").children) button.setAttribute("aria-pressed", String(button.dataset.key === selected));
  if (!result) {
    for (const name of ["href", "download"]) download.removeAttribute(name);
    return;
  }
  download.href = fileUrl(result.file);
  download.download = result.name;
  for (const [name, file] of [["after", result.after], ["before", result.before]]) {
    const picture = find(`.${name}`);
    if (picture.getAttribute("src") !== fileUrl(file)) picture.src = fileUrl(file);
  }
  find(".after").alt = result.alt;
}

function select(key) {
  selected = key;
  show();
}

function thumbnail({ key, facts, thumbnail, alt, caption }) {
  return make("button", { type: "button", "data-key": key, title: facts, onclick: () => select(key) },
    make("img", { src: fileUrl(thumbnail), alt }), make("span", {}, caption));
}

function receive() {
  const first = results()[0];
  if (first && first.key !== newest) selected = first.key; // each is shown as soon as it is there
  newest = first?.key ?? null;
  if (props.shown?.cleared) selected = null;
  const present = new Map([...find(".strip").children].map((button) => [button.dataset.key, button]));
  find(".strip").replaceChildren(...results().map((result) => present.get(result.key) ?? thumbnail(result)));
  element.classList.toggle("several", results().length > 1);
  show();
}

find(".full").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : compare.requestFullscreen()));
handle.addEventListener("input", slide);
next.addEventListener("click", () => trigger("next", { key: selected }));
watch(["shown"], receive);
slide();
receive();
