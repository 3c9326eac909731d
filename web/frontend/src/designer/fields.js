// The kinds of fields of the properties panel. The components are constants and learn what they edit from their
// entry: a component made anew at every change would lose the cursor.
import {
  CheckboxEntry,
  FeelEntry,
  SelectEntry,
  TextFieldEntry,
  isCheckboxEntryEdited,
  isFeelEntryEdited,
  isSelectEntryEdited,
  isTextFieldEntryEdited,
} from '@bpmn-io/properties-panel';
import { useService } from 'bpmn-js-properties-panel';

const usePanel = () => ({ debounce: useService('debounceInput'), translate: useService('translate') });

function TextField(entry) {
  const value = () => entry.read(entry.element) ?? '';
  return TextFieldEntry({ ...entry, ...usePanel(), getValue: value, setValue: (to) => entry.write(entry.element, to) });
}

function FeelField(entry) {
  const variables = useService('variables').at(entry.element);
  const setValue = (to) => entry.write(entry.element, to ?? '');
  return FeelEntry({ ...entry, ...usePanel(), variables, getValue: () => entry.read(entry.element) ?? '', setValue });
}

// Offers what is known, and keeps a value that is not.
function SelectField(entry) {
  const current = entry.read(entry.element) ?? '';
  const getOptions = () => {
    const options = [{ value: '', label: entry.none ?? '（未选）' }, ...entry.options];
    return options.some(({ value }) => value === current) ? options : [...options, { value: current, label: current }];
  };
  return SelectEntry({
    ...entry,
    ...usePanel(),
    getOptions,
    getValue: () => current,
    setValue: (to) => entry.write(entry.element, to),
  });
}

function CheckField(entry) {
  const getValue = () => Boolean(entry.read(entry.element));
  return CheckboxEntry({ ...entry, ...usePanel(), getValue, setValue: (to) => entry.write(entry.element, to) });
}

export const text = (field) => ({ component: TextField, isEdited: isTextFieldEntryEdited, ...field });
export const select = (field) => ({ component: SelectField, isEdited: isSelectEntryEdited, ...field });
export const check = (field) => ({ component: CheckField, isEdited: isCheckboxEntryEdited, ...field });
// Literal text, or FEEL after "=": the switch beside the label writes the "=".
export const feel = (field) => ({ component: FeelField, isEdited: isFeelEntryEdited, feel: 'optional', ...field });
// FEEL only: the attribute carries the "=".
export const formula = (field) => feel({ feel: 'required', ...field });
// FEEL only, in an element's text: stored without the "=".
export const bare = (field) => formula({
  ...field,
  read: (element) => {
    const body = field.read(element);
    return body ? '=' + body.replace(/^\s*=/, '') : '';
  },
  write: (element, value) => field.write(element, value.replace(/^=/, '')),
});
export const choice = (field) => (field.options?.length ? select(field) : text(field));
