metadata description = 'An Azure OpenAI account with one deployment, asked by identity.'

@maxLength(64)
@description('Name of the account; also its subdomain, without which there are no tokens.')
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Name of the model.')
param modelName string

@description('Version of the model.')
param modelVersion string

@minValue(1)
@description('Thousands of tokens per minute; the subscription needs that much quota.')
param capacity int

@description('Whether only private endpoints reach it.')
param isPrivate bool

@description('Who may ask the model: objects with id and type of a principal.')
param users array

@description('Workspace that logs and metrics go to.')
param workspaceId string

// Cognitive Services OpenAI User
var userRole = '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: {
    name: 'S0'
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource writer 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = {
  parent: account
  name: 'writer'
  sku: {
    name: 'GlobalStandard'
    capacity: capacity
  }
  properties: {
    model: {
      format: 'OpenAI'
      name: modelName
      version: modelVersion
    }
    versionUpgradeOption: 'NoAutoUpgrade'
  }
}

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for user in users: {
  name: guid(account.id, user.id, userRole)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', userRole)
    principalId: user.id
    principalType: user.type
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [
      { categoryGroup: 'audit', enabled: true }
    ]
    metrics: [
      { category: 'AllMetrics', enabled: true }
    ]
  }
}

@description('Resource id.')
output id string = account.id

@description('Base URL for the app.')
output endpoint string = 'https://${account.properties.customSubDomainName}.openai.azure.com'

@description('Name of the deployment, which is what the app asks for.')
output deployment string = writer.name
