// Small comforts: a question before a grave step, printing, and errors that a screen reader hears.

// <button data-confirm="确定拒签？">
export function confirmations() {
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-confirm]');
    if (button && !confirm(button.dataset.confirm)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);
}

// <button data-print>
export function printing() {
  document.addEventListener('click', (event) => event.target.closest('[data-print]') && print());
}

// The summary of a form's errors is read out when the form comes back.
export function errorSummary(root) {
  root.querySelector('[data-error-summary]')?.focus();
}

// <div data-phrases="id of a textarea"> with a button for each phrase: a click adds it to what is written.
export function phrases() {
  document.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-phrases] button');
    if (!button) return;
    const field = document.getElementById(button.parentElement.dataset.phrases);
    field.value = [field.value.trim(), button.textContent].filter(Boolean).join('\n');
    field.dispatchEvent(new Event('input', { bubbles: true }));
    field.focus();
  });
}
