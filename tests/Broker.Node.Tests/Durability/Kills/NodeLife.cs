using Broker.Client;
using Broker.Node.Tests.Processes;
using Broker.Transport;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>A node between its start and its end, with those who use it. What fails before the end is announced is a fault; what fails after it is what was to happen.</summary>
internal sealed class NodeLife(NodeProcess node, History history, int target) : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _done;

    public NodeProcess Node => node;

    public History History => history;

    /// <summary>Cancelled when the node is gone.</summary>
    public CancellationToken End => _end.Token;

    /// <summary>Completes when as much has happened as was asked for.</summary>
    public Task Reached => _reached.Task;

    public int Done => Volatile.Read(ref _done);

    /// <summary>The end is near: from here on anything may fail.</summary>
    public bool Announced { get; set; }

    /// <summary>So many messages were confirmed or settled.</summary>
    public void Count(int messages)
    {
        if (Interlocked.Add(ref _done, messages) >= target)
        {
            _reached.TrySetResult();
        }
    }

    /// <summary>Connects until the node is gone: somebody who waits for its answer then would learn of it by the idle timeout only.</summary>
    public async Task<BrokerClient> ConnectAsync()
    {
        var client = await node.ConnectDoomedAsync();
        _end.Token.Register(() => _ = client.DisposeAsync().AsTask());
        return client;
    }

    /// <summary>Has a client do something until it is done or the node has ended.</summary>
    public Task RunAsync(string who, Func<Task> client) => Task.Run(async () =>
    {
        try
        {
            await client();
        }
        catch (Exception e) when (Announced && e is BrokerException or QuicTransportException or OperationCanceledException or ObjectDisposedException or TimeoutException)
        {
            // The node is gone, as announced.
        }
        catch (Exception e)
        {
            history.Violation($"{who} failed while the node lived: {e}");
            _reached.TrySetResult();
        }
    });

    public void EndClients() => _end.Cancel();

    public void Dispose() => _end.Dispose();
}
