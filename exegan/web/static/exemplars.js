// Exemplars: photos dropped in, each shown with the faces that were found, one of which a click chooses.
//
// From the server: props.shown = {cards: [{path, name, picture, faces: [[left, top, right, bottom], ...]}], problem},
// in shares of the picture's sides. To the server: props.value = [{path, name, face}], and the event 'input'.
const { fileUrl, takeFiles, say, make } = window.exegan;
const find = (selector) => element.querySelector(selector);
const [pick, cards, input] = [find(".pick"), find(".cards"), find("input")];
const limit = props.limit;

pick.append(make("strong", {}, props.title), make("span", {}, props.hint));
input.multiple = limit > 1;
input.setAttribute("aria-label", props.title);
pick.addEventListener("click", () => input.click());

async function add(files) {
  say(find(".problem"), "");
  const photos = [...(limit > 1 ? props.value ?? [] : [])];
  const left_out = files.length - (limit - photos.length);
  say(find(".busy"), "Looking for faces…");
  try {
    for (const file of files.slice(0, limit - photos.length)) {
      photos.push({ path: (await upload(file)).path, name: file.name, face: null });
    }
    props.value = photos;
    trigger("input");
    if (left_out > 0) say(find(".problem"), `At most ${limit} photos are taken; ${left_out} were left out.`);
  } catch (error) {
    say(find(".busy"), "");
    say(find(".problem"), `The exemplar was not uploaded: ${error.message}`);
  }
}

function change(photos) {
  props.value = photos;
  trigger("input");
  receive();
}

function card(shown, photo, index) {
  const several = shown.faces.length > 1;
  const faces = shown.faces.map(([left, top, right, bottom], face) => {
    const style = `left:${100 * left}%;top:${100 * top}%;width:${100 * (right - left)}%;height:${100 * (bottom - top)}%`;
    if (!several) return make("span", { class: "face chosen", style });
    return make("button", {
      type: "button",
      class: `face ${face === photo.face ? "chosen" : ""}`,
      style,
      "aria-pressed": String(face === photo.face),
      "aria-label": `Face ${face + 1} of ${shown.name}`,
      onclick: () => change(props.value.map((one, place) => (place === index ? { ...one, face } : one))),
    }, make("span", {}, String(face + 1)));
  });
  const remove = make("button", {
    type: "button",
    class: "remove",
    "aria-label": `Remove ${shown.name}`,
    title: `Remove ${shown.name}`,
    onclick: () => change(props.value.filter((_, place) => place !== index)),
  }, "✕");
  const picture = make("div", { class: "picture" }, make("img", { src: fileUrl(shown.picture), alt: `Exemplar ${shown.name}` }), ...faces);
  const note = several ? make("p", {}, "Click the face that is meant") : "";
  return make("div", { class: "card" }, picture, remove, note);
}

function receive() {
  const photos = props.value ?? [];
  const known = new Map((props.shown?.cards ?? []).map((one) => [one.path, one]));
  const seen = photos.filter(({ path }) => known.has(path));
  cards.replaceChildren(...photos.map((photo, index) => known.has(photo.path) && card(known.get(photo.path), photo, index)).filter(Boolean));
  element.classList.toggle("filled", photos.length > 0);
  pick.hidden = photos.length >= limit;
  say(find(".busy"), seen.length < photos.length ? "Looking for faces…" : "");
}

takeFiles(element, input, add);
watch(["shown"], () => {
  say(find(".problem"), props.shown?.problem ?? "");
  receive();
});
watch(["value"], receive);
receive();
