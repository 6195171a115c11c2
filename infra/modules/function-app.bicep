metadata description = 'The function app on Flex Consumption. It has no slots; code and settings are the only things that change.'

@maxLength(60)
@description('Name of the app, and of its host at azurewebsites.net.')
param name string

@description('Name of the plan.')
param planName string

@description('Azure region.')
param location string

@description('Tags.')
param tags object

@description('Name of the service in azure.yaml: azd finds the app by it.')
param serviceName string

@description('Resource id of the identity of the app.')
param identityId string

@description('Client id of the identity of the app.')
param identityClientId string

@description('Blob endpoint of the storage of the host, with a slash at its end.')
param hostBlobEndpoint string

@description('Table endpoint of the storage of the host.')
param hostTableEndpoint string

@description('Container that the package is put into.')
param deploymentContainer string

@description('Subnet for outgoing calls; empty: none.')
param subnetId string

@description('Whether instances are spread over zones.')
param zoneRedundant bool

@allowed([
  512
  2048
  4096
])
@description('Megabytes of an instance.')
param instanceMemoryMB int

@minValue(40)
@maxValue(1000)
@description('Most instances. With maxConcurrentCalls it bounds how many jobs run at once.')
param maximumInstanceCount int

@minValue(0)
@maxValue(20)
@description('Instances for HTTP that are never scaled in; 0: the first call after a rest waits for one.')
param alwaysReadyHttp int

@minValue(1)
@maxValue(1000)
@description('HTTP calls at a time in one instance. The platform would take 1 for Python.')
param httpConcurrency int

@description('Settings that name the services of the app.')
param settings object

@description('Workspace that logs and metrics go to.')
param workspaceId string

var identitySettings = {
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__tableServiceUri: hostTableEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AZURE_SERVICE_BUS_CONNECTION_STRING__credential: 'managedidentity'
  AZURE_SERVICE_BUS_CONNECTION_STRING__clientId: identityClientId
  AZURE_CLIENT_ID: identityClientId
}

var fixedSettings = {
  CONTENT_LIBRARY_DIR: 'samples/library'
  EASY_AUTH_IN_FRONT: 'false'
  JOB_MAX_RETRIES: '3'
  JOB_TIMEOUT_MINUTES: '15'
  LEASE_SECONDS: '30'
  LLM_TIMEOUT_SECONDS: '90'
  STEP_CACHE: 'true'
  SWEEP_SCHEDULE: '0 * * * * *'
  SYNC_WAIT_SECONDS: '100'
  TELEMETRY_INCLUDE_CONTENT: 'false'
}

// The worker sets telemetry up by itself. Its default sampler drops most of a burst; a job's trace must be whole.
// It gets no signal before it ends, so that what waits to be sent must not wait long.
var telemetrySettings = {
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  OTEL_BLRP_SCHEDULE_DELAY: '1000'
  OTEL_BSP_MAX_QUEUE_SIZE: '8192'
  OTEL_BSP_SCHEDULE_DELAY: '1000'
  OTEL_METRIC_EXPORT_INTERVAL: '15000'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3'
  OTEL_SERVICE_NAME: 'content-architect'
  OTEL_TRACES_SAMPLER: 'microsoft.fixed_percentage'
  OTEL_TRACES_SAMPLER_ARG: '1.0'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME: 'orchestration'
}

var allSettings = union(identitySettings, fixedSettings, telemetrySettings, settings)

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

var appSettings = [for setting in items(allSettings): {
  name: setting.key
  value: setting.value
}]

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      appSettings: appSettings
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      remoteDebuggingEnabled: false
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostBlobEndpoint}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.11'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyHttp == 0 ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReadyHttp
          }
        ]
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
    }
  }
}

resource ftp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: site
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

@description('Name of the app.')
output name string = site.name
