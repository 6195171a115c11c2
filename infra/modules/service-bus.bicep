metadata description = 'The namespace and the queues of the app. Duplicate detection can only be set when a queue is made.'

@description('Name of the namespace.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@allowed([
  'Premium'
  'Standard'
])
@description('Standard, or Premium, which private endpoints need. Basic has no duplicate detection.')
param sku string

@minValue(0)
@maxValue(16)
@description('Messaging units of Premium; 0 for Standard.')
param messagingUnits int

@description('Whether only private endpoints reach it.')
param isPrivate bool

@description('Names of the queues.')
param queues array

@minValue(3)
@maxValue(10)
@description('Deliveries of a message before it is dead-lettered; the app must be told the same number.')
param maxDeliveryCount int

@description('Who sends, receives and measures the queues: objects with id and type of a principal. Scaling by queue length needs the right to manage, and gets it on these queues alone.')
param owners array

@description('Workspace that logs and metrics go to.')
param workspaceId string

// Azure Service Bus Data Owner
var ownerRole = '090c5cfd-751d-490a-894a-3ce6f1109419'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    tier: sku
    capacity: sku == 'Premium' ? messagingUnits : null
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource queueList 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [for queue in queues: {
  parent: namespace
  name: queue
  properties: {
    lockDuration: 'PT5M'
    maxDeliveryCount: maxDeliveryCount
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    requiresSession: false
    deadLetteringOnMessageExpiration: true
    defaultMessageTimeToLive: 'P14D'
    maxSizeInMegabytes: 1024
  }
}]

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for i in range(0, length(queues) * length(owners)): {
  name: guid(queueList[i / length(owners)].id, owners[i % length(owners)].id, ownerRole)
  scope: queueList[i / length(owners)]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ownerRole)
    principalId: owners[i % length(owners)].id
    principalType: owners[i % length(owners)].type
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: namespace
  properties: {
    workspaceId: workspaceId
    logs: [
      { categoryGroup: 'allLogs', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

@description('Resource id.')
output id string = namespace.id

@description('Host name of the namespace.')
output fullyQualifiedNamespace string = '${namespace.name}.servicebus.windows.net'
