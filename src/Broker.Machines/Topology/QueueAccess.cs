using Broker.Protocol;

namespace Broker.Machines.Topology;

/// <summary>Who may use an exclusive queue: the connection that it belongs to, and nobody else for anything.</summary>
public static class QueueAccess
{
    /// <summary>Checks whether a queue may be declared, bound, unbound, purged, deleted, read or consumed.</summary>
    /// <param name="queue">Its name with its vhost.</param>
    /// <param name="owner">Whom it belongs to; empty: everybody may.</param>
    /// <param name="asker">The connection that asks, named as owners are; <c>null</c>: the broker itself or its operator, who may.</param>
    /// <returns><c>null</c>, or RESOURCE_LOCKED.</returns>
    public static FrameFault? Check(string queue, string owner, string? asker) => string.IsNullOrEmpty(owner) || asker is null || asker == owner
        ? null
        : new FrameFault(ErrorCode.ResourceLocked, $"queue '{EntityName.LocalOf(queue)}' is exclusive to another connection");
}
