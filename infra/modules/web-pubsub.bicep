metadata description = 'Web PubSub with the one hub of the app. Clients come with a token that the app made; nobody comes without.'

@description('Name of the resource.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@allowed([
  'Free_F1'
  'Premium_P1'
  'Standard_S1'
])
@description('Free has 20 connections and no service level; Premium can be scaled automatically.')
param sku string

@minValue(1)
@maxValue(100)
@description('Units of 1,000 connections (Free: 20).')
param units int

@description('Whether servers come through private endpoints only. Browsers still connect from outside.')
param isPrivate bool

@description('Name of the hub.')
param hub string

@description('Where events of clients are sent: the upstream route of the app.')
param upstreamUrl string

@description('Audience of the token that Web PubSub shows there; empty: no events are sent.')
param upstreamAudience string

@description('Who publishes and makes client tokens: objects with id and type of a principal.')
param owners array

@description('Workspace that logs and metrics go to.')
param workspaceId string

// Web PubSub Service Owner. Its neighbours Service Reader and Contributor can not publish.
var ownerRole = '12cf5a90-567b-43ae-8102-96cf46c7d9b4'

resource pubSub 'Microsoft.SignalRService/webPubSub@2024-03-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    capacity: units
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    tls: {
      clientCertEnabled: false
    }
    networkACLs: isPrivate ? {
      defaultAction: 'Deny'
      publicNetwork: {
        allow: [
          'ClientConnection'
        ]
      }
    } : null
    liveTraceConfiguration: {
      enabled: 'false'
    }
    resourceLogConfiguration: {
      categories: [
        { name: 'ConnectivityLogs', enabled: 'true' }
        { name: 'MessagingLogs', enabled: 'false' }
      ]
    }
  }
}

resource jobUpdates 'Microsoft.SignalRService/webPubSub/hubs@2024-03-01' = {
  parent: pubSub
  name: hub
  properties: {
    anonymousConnectPolicy: 'deny'
    eventHandlers: empty(upstreamAudience) ? [] : [
      {
        urlTemplate: upstreamUrl
        userEventPattern: '*'
        systemEvents: [
          'connect'
          'connected'
          'disconnected'
        ]
        auth: {
          type: 'ManagedIdentity'
          managedIdentity: {
            resource: upstreamAudience
          }
        }
      }
    ]
  }
}

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for owner in owners: {
  name: guid(pubSub.id, owner.id, ownerRole)
  scope: pubSub
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ownerRole)
    principalId: owner.id
    principalType: owner.type
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: pubSub
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
output id string = pubSub.id

@description('Endpoint that the app and clients use.')
output endpoint string = 'https://${pubSub.properties.hostName}'

@description('Object id of its identity: who the upstream calls come from.')
output principalId string = pubSub.identity.principalId
