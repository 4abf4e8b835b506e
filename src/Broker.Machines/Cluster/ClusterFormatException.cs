namespace Broker.Machines.Cluster;

/// <summary>A value in the metadata store is not one that a broker of this version writes; the message says why.</summary>
public sealed class ClusterFormatException(string message) : Exception(message);
