// A file dropped on a form's place for files is handed in at once.
export function drops(root) {
  for (const form of root.querySelectorAll('form[data-drop]:not([data-drop-on])')) {
    form.dataset.dropOn = '1';
    const input = form.querySelector('input[type=file]');
    form.querySelector('[data-drop-hint]')?.removeAttribute('hidden');
    const over = (on) => form.classList.toggle('over', on);
    form.addEventListener('dragover', (event) => { event.preventDefault(); over(true); });
    form.addEventListener('dragleave', () => over(false));
    form.addEventListener('drop', (event) => {
      event.preventDefault();
      over(false);
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      form.requestSubmit();
    });
  }
}
