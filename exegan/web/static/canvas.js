// The photo: dropped in, shown with its faces and its hole, painted on.
//
// From the server: props.scene = {photo, size: [width, height], faces: [[left, top, right, bottom], ...], chosen: [index],
// hole, hole_has_strokes, problem} in pixels of the preview. To the server: props.value = {strokes, mask: {path, name} or
// null}, strokes as a PNG of the preview's size in a data URL, and the events 'upload', 'example', 'select' and 'input'.
const { fileUrl, takeFiles, say, make } = window.exegan;
const find = (selector) => element.querySelector(selector);
const [canvas, view, size] = [find("canvas"), find(".view"), find(".size input")];
const TEAL = "20, 184, 166";
const EMPTY = { strokes: "", mask: null };

let photo = null; // the picture that is shown, and what it was loaded from
let hole = null;
let base = null; // strokes that came from the server, beneath those painted since
let strokes = []; // {erase, diameter, points: [[x, y], ...]} or {clear: true}
let undone = [];
let tool = "select";
let place = { scale: 1, x: 0, y: 0 }; // from pixels of the photo to those of the view
let pointer = null; // where the brush is, in pixels of the photo
const pressed = new Map(); // pointers on the canvas, in pixels of the view
let stroke = null;
let own = JSON.stringify(EMPTY); // the value that this side knows
const layer = document.createElement("canvas"); // the strokes, as opaque pixels

// Strokes

function drawStroke(context, one) {
  if (one.clear) return context.clearRect(0, 0, layer.width, layer.height);
  context.globalCompositeOperation = one.erase ? "destination-out" : "source-over";
  context.strokeStyle = context.fillStyle = `rgb(${TEAL})`;
  context.lineWidth = one.diameter;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  const [first, ...rest] = one.points;
  context.moveTo(...first);
  for (const point of rest.length ? rest : [[first[0] + 0.01, first[1]]]) context.lineTo(...point);
  context.stroke();
  context.globalCompositeOperation = "source-over";
}

function redrawStrokes() {
  const context = layer.getContext("2d");
  context.clearRect(0, 0, layer.width, layer.height);
  if (base) context.drawImage(base, 0, 0, layer.width, layer.height);
  for (const one of strokes) drawStroke(context, one);
}

function isPainted() {
  const pixels = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height).data;
  for (let i = 3; i < pixels.length; i += 4) if (pixels[i] >= 128) return true;
  return false;
}

/** Make the strokes the component's value; events of other components take it along from now on. */
function commit(change = { strokes: isPainted() ? layer.toDataURL("image/png") : "" }) {
  const value = { ...EMPTY, ...props.value, ...change };
  own = JSON.stringify(value);
  props.value = value;
  trigger("input");
  updateTools();
}

function changeStrokes(change) {
  change();
  redrawStrokes();
  commit();
  draw();
}

const actions = {
  undo: () => strokes.length && changeStrokes(() => undone.push(strokes.pop())),
  redo: () => undone.length && changeStrokes(() => strokes.push(undone.pop())),
  clear: () => changeStrokes(() => ((undone = []), strokes.push({ clear: true }))),
  "no-mask": () => commit({ mask: null }),
  in: () => zoom(1.4),
  out: () => zoom(1 / 1.4),
  fit: () => (fit(), draw()),
};

// What is shown

function fit() {
  if (!photo) return;
  const scale = Math.min(view.clientWidth / photo.width, view.clientHeight / photo.height);
  place = { scale, x: (view.clientWidth - scale * photo.width) / 2, y: (view.clientHeight - scale * photo.height) / 2 };
}

function zoom(factor, x = view.clientWidth / 2, y = view.clientHeight / 2) {
  const smallest = Math.min(view.clientWidth / photo.width, view.clientHeight / photo.height);
  const scale = Math.min(Math.max(place.scale * factor, smallest), 12);
  const change = scale / place.scale;
  place = { scale, x: x - change * (x - place.x), y: y - change * (y - place.y) };
  if (scale === smallest) fit();
  draw();
}

let isPlanned = false;
function draw() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => {
    isPlanned = false;
    paintView();
  });
}

function paintView() {
  const [ratio, width, height] = [window.devicePixelRatio || 1, view.clientWidth, view.clientHeight];
  if (!photo || !width) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.translate(place.x, place.y);
  context.scale(place.scale, place.scale);
  context.drawImage(photo.image, 0, 0, photo.width, photo.height);
  context.globalAlpha = 0.6;
  if (hole) context.drawImage(hole, 0, 0, photo.width, photo.height);
  // A hole that is grown or inverted holds the strokes already, but those that are being painted.
  if (!props.scene.hole_has_strokes || stroke) context.drawImage(layer, 0, 0);
  context.globalAlpha = 1;
  props.scene.faces.forEach((face, index) => outline(context, face, index));
  if (pointer && tool !== "select") drawBrush(context);
}

function outline(context, [left, top, right, bottom], index) {
  const isChosen = props.scene.chosen.includes(index);
  const unit = 1 / place.scale;
  for (const [colour, width] of [["black", (isChosen ? 4.5 : 3) * unit], [isChosen ? `rgb(${TEAL})` : "white", (isChosen ? 2.5 : 1.2) * unit]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.roundRect(left, top, right - left, bottom - top, (right - left) / 10);
    context.stroke();
  }
  if (props.scene.faces.length < 2) return;
  const [x, y, radius] = [Math.max(left, 11 * unit), Math.max(top, 11 * unit), 11 * unit];
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = isChosen ? "rgb(15, 118, 110)" : "white";
  context.fill();
  context.strokeStyle = "black";
  context.lineWidth = unit;
  context.stroke();
  context.fillStyle = isChosen ? "white" : "black";
  context.font = `${13 * unit}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(index + 1), x, y + unit);
}

function drawBrush(context) {
  for (const [colour, width] of [["black", 3], ["white", 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width / place.scale;
    context.beginPath();
    context.arc(pointer[0], pointer[1], Number(size.value) / 2, 0, 2 * Math.PI);
    context.stroke();
  }
}

function updateTools() {
  for (const button of element.querySelectorAll(".tool")) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  canvas.dataset.tool = tool;
  find('[data-do="undo"]').disabled = !strokes.length;
  find('[data-do="redo"]').disabled = !undone.length;
  find('[data-do="clear"]').disabled = !props.value?.strokes;
  find(".mask-file").hidden = !props.value?.mask;
  find(".mask-file span").textContent = props.value?.mask ? `Mask file: ${props.value.mask.name}` : "";
}

function choose(name) {
  tool = name;
  updateTools();
  draw();
}

// The pointer

const inView = (event) => [event.clientX - canvas.getBoundingClientRect().left, event.clientY - canvas.getBoundingClientRect().top];
const inPhoto = ([x, y]) => [(x - place.x) / place.scale, (y - place.y) / place.scale];

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  pressed.set(event.pointerId, { at: inView(event), from: inView(event) });
  if (pressed.size === 2) return endStroke(false); // two fingers move and zoom
  pointer = inPhoto(inView(event));
  if (tool !== "select" && event.button === 0 && pressed.size === 1) {
    stroke = { erase: tool === "eraser", diameter: Number(size.value), points: [pointer] };
    drawStroke(layer.getContext("2d"), stroke);
  }
  draw();
});

canvas.addEventListener("pointermove", (event) => {
  pointer = inPhoto(inView(event));
  const before = pressed.get(event.pointerId);
  if (before) {
    const at = inView(event);
    if (pressed.size === 2) pinch(event.pointerId, at);
    else if (stroke) {
      const last = stroke.points[stroke.points.length - 1];
      stroke.points.push(pointer);
      drawStroke(layer.getContext("2d"), { ...stroke, points: [last, pointer] });
    } else {
      place.x += at[0] - before.at[0];
      place.y += at[1] - before.at[1];
    }
    before.at = at;
  }
  draw();
});

function pinch(id, at) {
  const before = pressed.get(id);
  const other = [...pressed].find(([key]) => key !== id)[1].at;
  const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
  const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
  place.x += (at[0] - before.at[0]) / 2;
  place.y += (at[1] - before.at[1]) / 2;
  if (distance(before.at) > 1) zoom(distance(at) / distance(before.at), ...middle);
}

function endStroke(isWanted) {
  if (!stroke) return;
  const done = stroke;
  stroke = null;
  if (isWanted) changeStrokes(() => ((undone = []), strokes.push(done)));
  else redrawStrokes();
}

for (const type of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(type, (event) => {
    const { from, at } = pressed.get(event.pointerId) ?? { from: [0, 0], at: [99, 99] };
    pressed.delete(event.pointerId);
    endStroke(type === "pointerup");
    const isClick = type === "pointerup" && Math.hypot(at[0] - from[0], at[1] - from[1]) < 5;
    if (tool === "select" && isClick) chooseFace(inPhoto(at));
    draw();
  });
}
canvas.addEventListener("pointerleave", () => ((pointer = null), draw()));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), ...inView(event));
}, { passive: false });

function chooseFace([x, y]) {
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  const around = props.scene.faces
    .map((face, index) => ({ face, index }))
    .filter(({ face }) => face[0] <= x && x <= face[2] && face[1] <= y && y <= face[3])
    .sort((one, other) => area(one.face) - area(other.face));
  if (around.length) trigger("select", { index: around[0].index, value: around[0].index });
}

// The keyboard

const keys = { v: () => choose("select"), b: () => choose("brush"), e: () => choose("eraser"), "+": actions.in, "-": actions.out, 0: actions.fit };

function resize(factor) {
  size.value = Math.min(Math.max(Number(size.value) * factor, Number(size.value) + Math.sign(factor - 1) * 2), Number(size.max));
  draw();
}

document.addEventListener("keydown", (event) => {
  if (!element.isConnected || !photo || event.altKey || event.target.matches("input:not([type=range]), textarea, select")) return;
  const key = event.key.toLowerCase();
  let action = null;
  if (event.ctrlKey || event.metaKey) action = key === "z" ? (event.shiftKey ? actions.redo : actions.undo) : key === "y" ? actions.redo : null;
  // Single keys count only where the focus is in here: elsewhere they may mean something else.
  else if (element.contains(event.target)) action = key === "[" ? () => resize(1 / 1.2) : key === "]" ? () => resize(1.2) : keys[key];
  if (!action) return;
  event.preventDefault();
  action();
});
size.addEventListener("input", () => {
  pointer ??= inPhoto([view.clientWidth / 2, view.clientHeight / 2]); // the size is seen in the middle
  if (tool === "select") choose("brush");
  draw();
});

for (const button of element.querySelectorAll("[data-tool]")) button.addEventListener("click", () => choose(button.dataset.tool));
for (const button of element.querySelectorAll("[data-do]")) button.addEventListener("click", () => actions[button.dataset.do]());

// Files

async function give(kind, [file]) {
  say(find(".problem"), "");
  say(find(".busy"), kind === "mask" ? "Reading the mask…" : "Looking for faces…");
  try {
    const { path } = await upload(file);
    if (kind === "mask") commit({ mask: { path, name: file.name } });
    else trigger("upload", { path });
  } catch (error) {
    say(find(".problem"), `${file.name} was not uploaded: ${error.message}`);
  }
  if (kind === "mask") say(find(".busy"), "");
}

takeFiles(element, find(".photo-file"), (files) => give("photo", files));
find(".pick").addEventListener("click", () => find(".photo-file").click());
find(".mask-input").addEventListener("change", () => give("mask", find(".mask-input").files));

for (const [index, example] of (props.examples ?? []).entries()) {
  find(".examples").append(
    make("button", { type: "button", title: example.caption, onclick: () => {
      say(find(".busy"), "Opening the example…");
      trigger("example", { index });
    } }, make("img", { src: example.picture, alt: example.alt }), make("span", {}, example.caption)),
  );
}

// What comes from the server

function load(source, then) {
  if (!source) return then(null);
  const image = new Image();
  image.onload = () => then(image);
  image.onerror = () => then(null);
  image.src = fileUrl(source);
}

function showPhoto(scene) {
  find(".empty").hidden = Boolean(scene.photo);
  find(".opened").hidden = !scene.photo;
  [strokes, undone, base, stroke, hole] = [[], [], null, null, null];
  pressed.clear();
  if (!scene.photo) return void (photo = null);
  const [width, height] = scene.size;
  [layer.width, layer.height] = [width, height];
  const faces = scene.faces.map(([left, , right]) => right - left);
  size.max = Math.round(Math.max(width, height) / 4);
  size.value = Math.max(8, Math.max(...faces, 0) / 5);
  photo = { path: scene.photo, image: new Image(), width, height };
  photo.image.onload = () => (fit(), draw());
  photo.image.src = fileUrl(scene.photo);
  choose("select");
}

function receive() {
  const scene = props.scene;
  say(find(".busy"), "");
  say(find(".problem"), scene.problem ?? "");
  const isNew = (scene.photo || null) !== (photo?.path ?? null);
  if (isNew) showPhoto(scene);
  const value = JSON.stringify({ ...EMPTY, ...props.value });
  if (isNew || value !== own) {
    own = value;
    [strokes, undone] = [[], []];
    load(props.value?.strokes, (image) => {
      base = image;
      redrawStrokes();
      draw();
    });
  }
  load(scene.hole, (image) => {
    hole = image;
    draw();
  });
  canvas.dataset.turn = scene.turn; // what is shown is this
  updateTools();
  draw();
}

watch(["scene", "value"], receive);
new ResizeObserver(() => (fit(), draw())).observe(view);
receive();
