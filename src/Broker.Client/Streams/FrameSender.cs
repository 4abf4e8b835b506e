using System.Buffers;
using System.IO.Pipelines;

namespace Broker.Client.Streams;

/// <summary>
/// Sends what callers encode into <see cref="Buffer"/>: while one buffer is being sent, the other is filled, so everything that is written in the meantime
/// leaves in one flush. Frames may be written before the stream is open.
/// </summary>
/// <param name="gate">Guards this object and its owner; held by whoever touches <see cref="Buffer"/>.</param>
/// <param name="beforeSend">Called under the gate before a buffer is sent, to add what was put off until now.</param>
/// <param name="afterTake">Called under the gate when a buffer has been taken to be sent.</param>
internal sealed class FrameSender(Lock gate, Action<IBufferWriter<byte>>? beforeSend = null, Action? afterTake = null) : IThreadPoolWorkItem
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SendBuffer _filling = new();
    private SendBuffer _sending = new();
    private PipeWriter? _output;
    private bool _running;
    private bool _completing;
    private bool _stopped;

    /// <summary>Where to write frames, under the gate; call <see cref="Signal"/> after.</summary>
    public SendBuffer Buffer => _filling;

    /// <summary>Completes when FIN was handed over or sending has failed; never faults.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Under the gate: sends from now on.</summary>
    public void Attach(PipeWriter output)
    {
        _output = output;
        Signal();
    }

    /// <summary>Under the gate: there is something to send.</summary>
    public void Signal()
    {
        if (_running || _stopped || _output is null)
        {
            return;
        }

        _running = true;
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Under the gate: sends what there is, then FIN.</summary>
    public void Complete()
    {
        _completing = true;
        Signal();
    }

    /// <summary>Under the gate: the stream is over; whatever is left is dropped.</summary>
    public void Stop()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        if (!_running)
        {
            _filling.Release();
            _sending.Release();
        }

        _ended.TrySetResult();
    }

    void IThreadPoolWorkItem.Execute() => _ = SendAsync();

    private async Task SendAsync()
    {
        try
        {
            bool complete;
            while (Take(out complete))
            {
                await _output!.WriteAsync(_sending.Written).ConfigureAwait(false);
                _sending.Clear();
            }

            if (complete)
            {
                await _output!.CompleteAsync().ConfigureAwait(false);
                Stopped();
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // The reading side of the stream learns why, from ERROR or from the connection's end, and tells everyone.
            Stopped();
        }
    }

    /// <summary>Takes the filled buffer to be sent.</summary>
    /// <param name="complete">Nothing is left and FIN is to be sent.</param>
    /// <returns><c>false</c> if there is nothing to send and the loop has to end.</returns>
    private bool Take(out bool complete)
    {
        lock (gate)
        {
            complete = false;
            if (_stopped)
            {
                _running = false;
                _filling.Release();
                _sending.Release();
                return false;
            }

            beforeSend?.Invoke(_filling);
            if (_filling.Length == 0)
            {
                // With FIN to send, nobody may start another loop.
                complete = _completing;
                _running = complete;
                return false;
            }

            (_filling, _sending) = (_sending, _filling);
            afterTake?.Invoke();
            return true;
        }
    }

    private void Stopped()
    {
        lock (gate)
        {
            _running = false;
            Stop();
        }
    }
}
