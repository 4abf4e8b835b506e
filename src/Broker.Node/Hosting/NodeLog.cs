using Broker.Actors.Runtime;
using Microsoft.Extensions.Logging;

namespace Broker.Node.Hosting;

/// <summary>Event ids 100 to 119.</summary>
internal static partial class NodeLog
{
    [LoggerMessage(100, LogLevel.Information, "Made development certificates in {Folder}: {Names}")]
    public static partial void CertificatesMade(ILogger logger, string folder, string names);

    [LoggerMessage(101, LogLevel.Information, "Stopping: no new connections, open ones are told to go")]
    public static partial void Stopping(ILogger logger);

    [LoggerMessage(103, LogLevel.Error, "{Kind} in actor {Path} ({Type}); its supervisor decided: {Directive}")]
    public static partial void ActorFault(ILogger logger, Exception? exception, ActorFaultKind kind, ActorPath path, string type, Directive? directive);

    [LoggerMessage(104, LogLevel.Information, "Store: {Text}")]
    public static partial void StoreInformation(ILogger logger, string text);

    [LoggerMessage(105, LogLevel.Warning, "Store: {Text}")]
    public static partial void StoreWarning(ILogger logger, string text);

    [LoggerMessage(106, LogLevel.Error, "Store: {Text}")]
    public static partial void StoreError(ILogger logger, string text);

    [LoggerMessage(102, LogLevel.Information, "Stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(107, LogLevel.Information, "Cluster: {Kind} {Subject}: {Detail}")]
    public static partial void ClusterEvent(ILogger logger, string kind, string subject, string detail);

    [LoggerMessage(108, LogLevel.Information, "Node '{Name}' of cluster '{Cluster}', agreed on in etcd at {Etcd} below '{Prefix}', reached at {Addresses}")]
    public static partial void OfCluster(ILogger logger, string name, string cluster, string etcd, string prefix, string addresses);

    [LoggerMessage(109, LogLevel.Warning, "Definitions: {Text}")]
    public static partial void DefinitionNotTaken(ILogger logger, string text);

    [LoggerMessage(110, LogLevel.Information, "Definitions: {Text}")]
    public static partial void DefinitionsImported(ILogger logger, string text);
}
