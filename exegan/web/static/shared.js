// What the page's own components share: addresses of files, and fields that take files by click, drop and paste.
window.exegan = (() => {
  /** Address of a file that the server named by its path; '' for none. */
  function fileUrl(path) {
    if (!path || path.startsWith("data:")) return path || "";
    const root = (window.gradio_config?.root ?? "").replace(/\/$/, "");
    return `${root}/gradio_api/file=${path.split("/").map(encodeURIComponent).join("/")}`;
  }

  const fields = []; // of all components, for what is pasted

  /**
   * Make an element take picture files.
   *
   * @param {HTMLElement} element Takes drops, and pastes while the pointer or the focus is in it.
   * @param {HTMLInputElement} input Its file field.
   * @param {(files: File[]) => void} onFiles Called with one or more files.
   */
  function takeFiles(element, input, onFiles) {
    const give = (list) => list?.length && onFiles([...list]);
    input.addEventListener("change", () => {
      give(input.files);
      input.value = ""; // the same file may be chosen again
    });
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      element.classList.add("dragged");
    });
    element.addEventListener("dragleave", () => element.classList.remove("dragged"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("dragged");
      give(event.dataTransfer?.files);
    });
    fields.push({ element, give });
  }

  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return;
    const present = fields.filter(({ element }) => element.isConnected && element.offsetParent);
    const meant = present.find(({ element }) => element.matches(":hover") || element.contains(document.activeElement));
    (meant ?? present[0])?.give(files);
  });
  // A file that misses its field must not replace the page.
  for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());

  /** Say something in an element with role "alert" or "status"; '' empties it. */
  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  }

  /** An element with attributes and children; texts are never taken for HTML. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  return { fileUrl, takeFiles, say, make };
})();
