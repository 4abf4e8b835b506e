using Broker.Protocol;

namespace Broker.Machines.Access;

/// <summary>How much one vhost may have.</summary>
/// <param name="Vhost">The vhost.</param>
/// <param name="MaxConnections">Connections; 0 is none at all, <c>null</c> is without end.</param>
/// <param name="MaxQueues">Queues, likewise.</param>
public sealed record VhostLimits(string Vhost, long? MaxConnections, long? MaxQueues)
{
    /// <summary>Why one more queue is refused.</summary>
    /// <param name="name">The queue, by its name in the vhost.</param>
    /// <param name="count">How many there are.</param>
    /// <returns><c>null</c> if it is not.</returns>
    public FrameFault? CheckQueue(string name, long count) => count >= MaxQueues
        ? new FrameFault(ErrorCode.PreconditionFailed, $"queue '{name}' cannot be declared: vhost '{Vhost}' has {count} queues and may have {MaxQueues}; delete one that is not needed")
        : null;

    /// <summary>Why one more connection is refused.</summary>
    /// <param name="count">How many there are.</param>
    /// <returns><c>null</c> if it is not.</returns>
    public FrameFault? CheckConnection(long count) => count >= MaxConnections
        ? new FrameFault(ErrorCode.LimitExceeded, $"vhost '{Vhost}' has {count} connections to this node and may have {MaxConnections}")
        : null;
}

/// <summary>How much one user may have.</summary>
/// <param name="User">The user.</param>
/// <param name="MaxConnections">Connections; 0 is none at all, <c>null</c> is without end.</param>
public sealed record UserLimits(string User, long? MaxConnections)
{
    /// <summary>Why one more connection is refused.</summary>
    /// <param name="count">How many there are.</param>
    /// <returns><c>null</c> if it is not.</returns>
    public FrameFault? CheckConnection(long count) => count >= MaxConnections
        ? new FrameFault(ErrorCode.LimitExceeded, $"user '{User}' has {count} connections to this node and may have {MaxConnections}")
        : null;
}
