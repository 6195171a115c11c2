metadata description = 'Who is told, and of what. Each alert names the runbook that says what to do.'

@description('Last part of the names.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Mail address; empty: nobody is told.')
param email string

@description('Workspace that the queries read.')
param workspaceId string

@description('Service Bus namespace.')
param serviceBusId string

@description('Web PubSub.')
param webPubSubId string

@description('Storage account of jobs.')
param dataStorageId string

@minValue(1)
@description('Waiting messages that are too many.')
param backlog int

@minValue(1)
@description('US dollars a day that the language model may cost.')
param dailyLlmDollars int

@allowed([
  'PT5M'
  'PT15M'
])
@description('How often queries look. Each look is paid for: a query every five minutes costs three times one every fifteen.')
param frequency string

var runbooks = 'docs/operations/runbooks'

var metricRules = [
  {
    name: 'dead-letters'
    title: 'Messages are in a dead-letter queue'
    severity: 2
    target: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'DeadletteredMessages'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'servicebus-throttled'
    title: 'Service Bus refuses calls because there are too many'
    severity: 2
    target: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'ThrottledRequests'
    aggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 10
    window: 'PT5M'
  }
  {
    name: 'servicebus-backlog'
    title: 'More messages wait than are worked on'
    severity: 3
    target: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'ActiveMessages'
    aggregation: 'Average'
    operator: 'GreaterThan'
    threshold: backlog
    window: 'PT15M'
  }
  {
    name: 'realtime-load'
    title: 'Web PubSub is busy'
    severity: 3
    target: webPubSubId
    namespace: 'Microsoft.SignalRService/WebPubSub'
    metric: 'ServerLoad'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 70
    window: 'PT5M'
  }
  {
    name: 'realtime-connections'
    title: 'Web PubSub will soon refuse connections'
    severity: 2
    target: webPubSubId
    namespace: 'Microsoft.SignalRService/WebPubSub'
    metric: 'ConnectionQuotaUtilization'
    aggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 80
    window: 'PT5M'
  }
  {
    name: 'storage-availability'
    title: 'Table Storage fails calls'
    severity: 1
    target: dataStorageId
    namespace: 'Microsoft.Storage/storageAccounts'
    metric: 'Availability'
    aggregation: 'Average'
    operator: 'LessThan'
    threshold: 99
    window: 'PT5M'
  }
]

// Each query returns rows exactly when something is wrong; its first line says what.
var queryRules = [
  {
    name: 'job-failures'
    title: 'Too many jobs fail'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../kql/job-failures.kql')
  }
  {
    name: 'slow-jobs'
    title: 'Jobs take twice their time'
    severity: 3
    window: 'PT1H'
    query: loadTextContent('../kql/slow-jobs.kql')
  }
  {
    name: 'queue-time'
    title: 'Jobs wait too long for their first step'
    severity: 2
    window: 'PT15M'
    query: loadTextContent('../kql/queue-time.kql')
  }
  {
    name: 'stuck-jobs'
    title: 'Jobs are accepted and none runs'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../kql/stuck-jobs.kql')
  }
  {
    name: 'jobs-not-sent'
    title: 'Messages could not be sent'
    severity: 2
    window: 'PT15M'
    query: loadTextContent('../kql/jobs-not-sent.kql')
  }
  {
    name: 'breaker-open'
    title: 'A dependency has been down for five minutes'
    severity: 2
    window: 'PT5M'
    query: loadTextContent('../kql/breaker-open.kql')
  }
  {
    name: 'llm-throttled'
    title: 'The language model refuses calls because there are too many'
    severity: 3
    window: 'PT15M'
    query: loadTextContent('../kql/llm-throttled.kql')
  }
  {
    name: 'llm-spend'
    title: 'The language model costs more than a day may'
    severity: 2
    window: 'P1D'
    query: replace(loadTextContent('../kql/llm-spend.kql'), '{dollars}', string(dailyLlmDollars))
  }
  {
    name: 'callbacks-failing'
    title: 'Callbacks are not delivered'
    severity: 3
    window: 'PT30M'
    query: loadTextContent('../kql/callbacks-failing.kql')
  }
  {
    name: 'server-errors'
    title: 'The API answers with server errors'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../kql/server-errors.kql')
  }
  {
    name: 'no-telemetry'
    title: 'Work arrives and the app says nothing'
    severity: 1
    window: 'PT15M'
    query: loadTextContent('../kql/no-telemetry.kql')
  }
  {
    name: 'auth-failures'
    title: 'Many calls are refused for their credentials'
    severity: 3
    window: 'PT15M'
    query: loadTextContent('../kql/auth-failures.kql')
  }
]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'content'
    emailReceivers: empty(email) ? [] : [
      {
        name: 'operators'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in metricRules: {
  name: rule.name
  location: 'global'
  tags: tags
  properties: {
    description: '${rule.title}. Runbook: ${runbooks}/${rule.name}.md'
    severity: rule.severity
    enabled: true
    autoMitigate: true
    scopes: [
      rule.target
    ]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.name
          metricNamespace: rule.namespace
          metricName: rule.metric
          timeAggregation: rule.aggregation
          operator: rule.operator
          threshold: rule.threshold
        }
      ]
    }
    actions: [
      { actionGroupId: operators.id }
    ]
  }
}]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in queryRules: {
  name: rule.name
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    description: '${rule.title}. Runbook: ${runbooks}/${rule.name}.md'
    severity: rule.severity
    enabled: true
    autoMitigate: true
    // Tables of an app that has not spoken yet do not exist; the query would be refused.
    skipQueryValidation: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: rule.window == 'P1D' ? 'PT1H' : frequency
    windowSize: rule.window == 'PT5M' ? frequency : rule.window
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        operators.id
      ]
    }
  }
}]

@description('The action group, for the budget.')
output actionGroupId string = operators.id
