using Broker.Client;

namespace Broker.Node.Tests.Durability.Kills;

/// <summary>A publisher of the client library without a lasting name: what it gets no confirm for may or may not be there, and it never publishes it again.</summary>
internal sealed class NamelessPublisher(int number, History history)
{
    private const int Window = 200;
    private static readonly PublishOptions s_transient = new() { Durable = false };
    private ulong _last;
    private long _confirmed;

    public long ConfirmedCount => Interlocked.Read(ref _confirmed);

    /// <summary>Publishes until the node ends.</summary>
    public async Task RunAsync(NodeLife life)
    {
        await using var client = await life.ConnectAsync();
        using var window = new SemaphoreSlim(Window);
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (!failed.Task.IsCompleted)
        {
            await window.WaitAsync(life.End);
            var message = new KillMessage(number, ++_last);
            history.Published(message);
            _ = AwaitConfirmAsync(client.PublishAsync(message.Route.Exchange, message.Route.Key, message.Body(), message.Durable ? null : s_transient, life.End), message);
        }

        await failed.Task;

        async Task AwaitConfirmAsync(Task outcome, KillMessage message)
        {
            try
            {
                await outcome;
                history.Confirmed(message);
                Interlocked.Increment(ref _confirmed);
                life.Count(1);
                window.Release();
            }
            catch (Exception e) when (e is BrokerException or OperationCanceledException or ObjectDisposedException)
            {
                failed.TrySetException(e);
            }
        }
    }
}
