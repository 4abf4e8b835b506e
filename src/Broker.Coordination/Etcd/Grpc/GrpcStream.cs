using System.Net;
using Google.Protobuf;

namespace Broker.Coordination.Etcd.Grpc;

/// <summary>A call with messages both ways. One caller at a time. Messages that are not read stay with the server: HTTP/2's flow control makes it wait.</summary>
internal sealed class GrpcStream<TResponse>(MessageParser<TResponse> parser) : IAsyncDisposable
    where TResponse : IMessage<TResponse>
{
    private readonly CancellationTokenSource _ended = new();
    private Task<HttpResponseMessage> _response = null!;
    private Task<TResponse>? _next; // a read that nobody has seen the end of
    private Stream? _answers;

    /// <summary>What is sent, for the request.</summary>
    public StreamContent Upload { get; } = new();

    /// <summary>Sends the request.</summary>
    public void Start(Func<CancellationToken, Task<HttpResponseMessage>> send)
    {
        _response = send(_ended.Token);
        _ = _response.ContinueWith(Upload.Fail, CancellationToken.None, TaskContinuationOptions.NotOnRanToCompletion, TaskScheduler.Default);
    }

    /// <exception cref="GrpcException">The stream is broken.</exception>
    public async Task WriteAsync(IMessage message, CancellationToken cancellationToken)
    {
        try
        {
            var stream = await Upload.Opened.WaitAsync(cancellationToken);
            await stream.WriteAsync(GrpcFrames.Encode(message), cancellationToken);
            await stream.FlushAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Also when it was cancelled: so HTTP calls it when the server has reset the stream.
            throw GrpcChannel.Broken(e);
        }
    }

    /// <summary>The next message. If waiting for it is given up, the next call gets it.</summary>
    /// <exception cref="GrpcException">The stream is broken, or the server has ended it.</exception>
    /// <exception cref="TimeoutException">None has come in time.</exception>
    public async Task<TResponse> ReadAsync(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        _next ??= ReadNextAsync();
        var next = _next;
        try
        {
            return await next.WaitAsync(timeout, time, cancellationToken);
        }
        finally
        {
            _next = next.IsCompleted ? null : next;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        Upload.Complete();
        await ((Task)_response).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_next is not null)
        {
            await ((Task)_next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (_response.IsCompletedSuccessfully)
        {
            (await _response).Dispose();
        }

        _ended.Dispose();
    }

    private async Task<TResponse> ReadNextAsync()
    {
        try
        {
            var response = await _response;
            if (_answers is null)
            {
                GrpcFrames.CheckStatus(response, isComplete: false);
                _answers = await response.Content.ReadAsStreamAsync(_ended.Token);
            }

            if (await GrpcFrames.ReadAsync(_answers, _ended.Token) is { } answer)
            {
                return parser.ParseFrom(answer);
            }

            GrpcFrames.CheckStatus(response, isComplete: true);
            throw new GrpcException(GrpcStatus.Unavailable, "it has ended the stream");
        }
        catch (Exception e) when (e is not GrpcException)
        {
            throw GrpcChannel.Broken(e);
        }
    }

    /// <summary>The request's body, which is written as long as the stream lasts.</summary>
    internal sealed class StreamContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Where to write, when there is a connection.</summary>
        public Task<Stream> Opened => _opened.Task;

        public void Complete()
        {
            _opened.TrySetCanceled();
            _completed.TrySetResult();
        }

        public void Fail(Task request)
        {
            _opened.TrySetException(request.Exception?.InnerException ?? new IOException("the request was given up"));
            _ = _opened.Task.Exception; // nobody need have waited for it
            _completed.TrySetResult();
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            await stream.FlushAsync(cancellationToken);
            _opened.TrySetResult(stream);
            await _completed.Task.WaitAsync(cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = -1;
            return false;
        }
    }
}
