using System.Net.Quic;

namespace Broker.Transport.MsQuic;

/// <summary>
/// Opens streams for callers who may give up waiting. A native open that is cancelled has its stream id already and takes the next slot only to
/// abort it; here it goes on, and the next caller gets its stream.
/// </summary>
internal sealed class StreamOpener(QuicConnection native)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<TaskCompletionSource<QuicStream>> _waiting = new();
    private readonly Queue<QuicStream> _spare = new();
    private int _opening;

    /// <summary>Waits for a stream, first come first served.</summary>
    public async Task<QuicStream> OpenAsync(CancellationToken cancellationToken)
    {
        LinkedListNode<TaskCompletionSource<QuicStream>> waiter;
        lock (_gate)
        {
            if (_spare.TryDequeue(out var spare))
            {
                return spare;
            }

            waiter = _waiting.AddLast(new TaskCompletionSource<QuicStream>(TaskCreationOptions.RunContinuationsAsynchronously));
            if (_opening < _waiting.Count)
            {
                _opening++;
                _ = OpenOneAsync();
            }
        }

        await using var registration = cancellationToken.UnsafeRegister(_ => Abandon(waiter, cancellationToken), null);
        return await waiter.Value.Task;
    }

    private async Task OpenOneAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // not under the caller's lock
        try
        {
            Hand(await native.OpenOutboundStreamAsync(QuicStreamType.Bidirectional, CancellationToken.None));
        }
        catch (Exception e)
        {
            FailOldest(e); // the connection is over; every waiter has an open of its own that fails
        }
    }

    private void Hand(QuicStream stream)
    {
        lock (_gate)
        {
            _opening--;
            if (_waiting.First is { } oldest)
            {
                _waiting.RemoveFirst();
                oldest.Value.SetResult(stream);
            }
            else
            {
                _spare.Enqueue(stream);
            }
        }
    }

    private void FailOldest(Exception exception)
    {
        lock (_gate)
        {
            _opening--;
            if (_waiting.First is { } oldest)
            {
                _waiting.RemoveFirst();
                oldest.Value.SetException(exception);
            }
        }
    }

    private void Abandon(LinkedListNode<TaskCompletionSource<QuicStream>> waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (waiter.List is not null)
            {
                _waiting.Remove(waiter);
                waiter.Value.TrySetCanceled(cancellationToken);
            }
        }
    }
}
