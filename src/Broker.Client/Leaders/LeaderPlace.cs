using Broker.Client.Connections;

namespace Broker.Client.Leaders;

/// <summary>A place that was chosen for the leader of a queue, and may turn out not to be the best.</summary>
internal sealed class LeaderPlace : Place
{
    private readonly TaskCompletionSource _moved;
    private readonly LeaderConnections _leaders;

    private LeaderPlace(LeaderConnections leaders, string queue, BrokerConnection connection, LeaderNode? node, bool staysUntilLost, TaskCompletionSource moved)
        : base(connection, Task.WhenAny(connection.GoingAway, moved.Task))
    {
        (_leaders, Queue, Node, StaysUntilLost, _moved) = (leaders, queue, node, staysUntilLost, moved);
    }

    public string Queue { get; }

    /// <summary>The node that it is at; <c>null</c>: that of the client's own connection.</summary>
    public LeaderNode? Node { get; }

    /// <summary>Whether it is left only when it is lost.</summary>
    public bool StaysUntilLost { get; }

    public override bool IsDetour => Node is not null;

    public static LeaderPlace Create(LeaderConnections leaders, string queue, BrokerConnection connection, LeaderNode? node, bool staysUntilLost) =>
        new(leaders, queue, connection, node, staysUntilLost, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>There is a better place.</summary>
    public void Move() => _moved.TrySetResult();

    public override void Release()
    {
        _leaders.Release(this);
        _moved.TrySetResult(); // nobody waits any more
    }
}
