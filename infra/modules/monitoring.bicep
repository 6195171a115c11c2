metadata description = 'Log Analytics and Application Insights on top of it. Both take telemetry from identities only.'

@description('Last part of the names.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@minValue(30)
@maxValue(730)
@description('Days that logs are kept.')
param retentionDays int

@minValue(1)
@description('Gigabytes a day after which ingestion stops until the next day.')
param dailyCapGb int

@description('Who may send telemetry: objects with id and type of a principal.')
param publishers array

// Monitoring Metrics Publisher
var publisherRole = '3913510d-42f4-4e42-8a64-420c390055eb'

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-${name}'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyCapGb
    }
    features: {
      disableLocalAuth: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${name}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for publisher in publishers: {
  name: guid(insights.id, publisher.id, publisherRole)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', publisherRole)
    principalId: publisher.id
    principalType: publisher.type
  }
}]

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Where telemetry goes. It names the place and opens nothing: local authentication is off.')
output connectionString string = insights.properties.ConnectionString
