// The properties panel's groups for BPMN's own settings that the standard panel lacks, or words for programmers: conditional
// events, standard loops, ad-hoc sub-processes, complex gateways, compensation, and what messages bring and take along.
import { getBusinessObject, is } from 'bpmn-js/lib/util/ModelUtil';
import { bare, check, formula, select, text } from './fields.js';

const CATCHING = ['bpmn:StartEvent', 'bpmn:IntermediateCatchEvent', 'bpmn:BoundaryEvent'];
const one = (element) => getBusinessObject(element).eventDefinitions?.[0];
const waits = (element) => CATCHING.some((type) => is(element, type));

export function constructs(panel, element) {
  const object = getBusinessObject(element);
  const definition = one(element);
  const kind = definition?.$type.replace(/^bpmn:|EventDefinition$/g, '');
  const groups = [];
  if (kind === 'Conditional') groups.push(condition(panel, element, definition));
  if (kind === 'Compensate' && !waits(element)) groups.push(compensation(panel, element, definition));
  if (is(element, 'bpmn:SendTask')) groups.push(sentMessage(panel, element, object));
  if (kind === 'Message' || is(element, 'bpmn:ReceiveTask') || is(element, 'bpmn:SendTask')) groups.push(correlation(panel));
  if (waits(element) ? ['Message', 'Signal', 'Error', 'Escalation'].includes(kind) : is(element, 'bpmn:ReceiveTask')) {
    groups.push(panel.mappings(element, 'lvze:Output', '内容存入变量（不填则不取）'));
  }
  if (!waits(element) && ['Message', 'Signal', 'Error', 'Escalation'].includes(kind)) {
    groups.push(panel.mappings(element, 'lvze:Input', '带上的内容'));
  }
  if (is(element, 'bpmn:SendTask')) groups.push(panel.mappings(element, 'lvze:Input', '带上的内容'));
  if (is(element, 'bpmn:UserTask')) groups.push(panel.mappings(element, 'lvze:Output', '办完后存入变量'));
  if (is(element, 'bpmn:ComplexGateway')) groups.push(activation(panel, element, object));
  if (is(element, 'bpmn:AdHocSubProcess')) groups.push(adHoc(panel, element, object));
  if (object.loopCharacteristics?.$type === 'bpmn:StandardLoopCharacteristics') {
    groups.push(standardLoop(panel, element, object.loopCharacteristics));
  }
  return groups;
}

function condition(panel, element, definition) {
  return {
    id: 'lvze-conditional',
    label: '条件',
    shouldOpen: true,
    entries: [bare({
      id: 'lvze-conditional-condition',
      label: '变为真时触发',
      description: '变量每次改变后都会重看，例如 count(反馈) >= 3',
      read: () => definition.condition?.body,
      write: (_, body) => panel.setExpression(element, definition, 'condition', body),
    })],
  };
}

function compensation(panel, element, definition) {
  const activities = element.parent.children
    .filter((other) => is(other, 'bpmn:Activity') && !getBusinessObject(other).isForCompensation)
    .map((other) => getBusinessObject(other));
  return {
    id: 'lvze-compensation',
    label: '补偿',
    shouldOpen: true,
    entries: [select({
      id: 'lvze-compensation-activity',
      label: '撤销哪个环节',
      none: '所有办完的环节，从后往前',
      options: activities.map(({ id, name }) => ({ value: id, label: name || id })),
      read: () => definition.activityRef?.id,
      write: (_, id) => panel.extensions.write(element, [[definition, { activityRef: activities.find((a) => a.id === id) }]]),
    })],
  };
}

// The standard panel has a message for events and receive tasks alone. Here it goes by its name; a new name is a new message.
function sentMessage(panel, element, object) {
  const root = panel.root();
  const called = (name) => root.get('rootElements').find((other) => other.$type === 'bpmn:Message' && other.name === name);
  const write = (_, name) => {
    if (!name || called(name)) return panel.modeling.updateProperties(element, { messageRef: called(name) });
    const message = panel.extensions.create('bpmn:Message', { name }, root);
    return panel.extensions.write(element, [
      [root, { rootElements: [...root.get('rootElements'), message] }],
      [object, { messageRef: message }],
    ]);
  };
  return {
    id: 'lvze-sent',
    label: '发出的消息',
    shouldOpen: true,
    entries: [text({
      id: 'lvze-sent-message',
      label: '消息名称',
      description: '与等消息的一方同名；不发消息而要通知、发邮件的，清空这里，在“服务”里选',
      read: () => object.messageRef?.name,
      write,
    })],
  };
}

function correlation(panel) {
  return {
    id: 'lvze-message',
    label: '对应哪一件',
    shouldOpen: true,
    entries: [panel.field(formula, 'lvze:Message', 'correlation', '对应关系（关联键）', {
      description: '消息按它找到等待的办件，例如 =文号；两边的值相同才对得上',
    })],
  };
}

function activation(panel, element, object) {
  return {
    id: 'lvze-activation',
    label: '汇合',
    shouldOpen: true,
    entries: [bare({
      id: 'lvze-activation-condition',
      label: '到了几路就往下走',
      description: 'activationCount 是已到的路数，例如 activationCount >= 2；其余到了也不再等',
      read: () => object.activationCondition?.body,
      write: (_, body) => panel.setExpression(element, object, 'activationCondition', body),
    })],
  };
}

function adHoc(panel, element, object) {
  const set = (properties) => panel.modeling.updateProperties(element, properties);
  return {
    id: 'lvze-adHoc',
    label: '自由办理',
    shouldOpen: true,
    entries: [
      select({
        id: 'lvze-adHoc-ordering',
        label: '同时办几个环节',
        none: '可以同时办',
        options: [{ value: 'Sequential', label: '一次只办一个' }],
        read: () => (object.ordering === 'Sequential' ? 'Sequential' : ''),
        write: (_, value) => set({ ordering: value || undefined }),
      }),
      panel.field(formula, 'lvze:AdHoc', 'activities', '自动开始的环节', {
        description: '环节编号的列表；不填就都开始，“一次只办一个”时由人选',
      }),
      bare({
        id: 'lvze-adHoc-condition',
        label: '办完的条件',
        description: '每办完一个环节看一次；不填则没有在办的环节时结束',
        read: () => object.completionCondition?.body,
        write: (_, body) => panel.setExpression(element, object, 'completionCondition', body),
      }),
      check({
        id: 'lvze-adHoc-waits',
        label: '条件成立后仍等在办的环节办完',
        read: () => object.cancelRemainingInstances === false,
        write: (_, on) => set({ cancelRemainingInstances: on ? false : undefined }),
      }),
    ],
  };
}

function standardLoop(panel, element, loop) {
  const set = (properties) => panel.extensions.write(element, [[loop, properties]]);
  return {
    id: 'lvze-standardLoop',
    label: '重复办理',
    shouldOpen: true,
    entries: [
      bare({
        id: 'lvze-standardLoop-condition',
        label: '再办一次的条件',
        description: 'loopCounter 是第几次，例如 审核 = "退回" and loopCounter < 3',
        read: () => loop.loopCondition?.body,
        write: (_, body) => panel.setExpression(element, loop, 'loopCondition', body),
      }),
      check({
        id: 'lvze-standardLoop-before',
        label: '先看条件，不成立就一次也不办',
        read: () => loop.testBefore,
        write: (_, on) => set({ testBefore: on || undefined }),
      }),
      text({
        id: 'lvze-standardLoop-maximum',
        label: '最多几次',
        read: () => loop.loopMaximum?.toString(),
        write: (_, value) => set({ loopMaximum: /^\d+$/.test(value) ? Number(value) : undefined }),
        validate: (value) => (!value || /^\d+$/.test(value) ? undefined : '请填一个整数。'),
      }),
    ],
  };
}
