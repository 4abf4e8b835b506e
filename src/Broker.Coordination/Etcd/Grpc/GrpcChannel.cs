using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Authentication;
using Google.Protobuf;

namespace Broker.Coordination.Etcd.Grpc;

/// <summary>Calls one server: gRPC by nothing but HTTP/2.</summary>
internal sealed class GrpcChannel : IDisposable
{
    // etcd takes pings more often than every 5 s for an attack, and closes the connection.
    private static readonly TimeSpan s_pingDelay = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan s_pingTimeout = TimeSpan.FromSeconds(3);
    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _time;

    public GrpcChannel(Uri address, SslClientAuthenticationOptions? tls, TimeSpan connectTimeout, TimeProvider time)
    {
        Address = address;
        _time = time;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            ConnectTimeout = connectTimeout,
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = s_pingDelay,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            KeepAlivePingTimeout = s_pingTimeout,
            UseCookies = false,
            UseProxy = false,
        };
        if (tls is not null)
        {
            handler.SslOptions = tls;
        }

        _http = new HttpMessageInvoker(handler);
    }

    public Uri Address { get; }

    /// <summary>Sends one message and waits for the one that answers it.</summary>
    /// <param name="method">The method. It may be one of streams, of which this is the shortest: one message each way.</param>
    /// <param name="request">The message.</param>
    /// <param name="timeout">How long to wait, for a connection, too.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    /// <exception cref="GrpcException">There is no answer, or one that says why not.</exception>
    public async Task<TResponse> CallAsync<TResponse>(GrpcMethod<TResponse> method, IMessage request, TimeSpan timeout, CancellationToken cancellationToken)
        where TResponse : IMessage<TResponse>
    {
        using var late = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            using var message = NewRequest(method.Path, new ByteArrayContent(GrpcFrames.Encode(request)));
            using var response = await _http.SendAsync(message, either.Token);
            GrpcFrames.CheckStatus(response, isComplete: false);
            await using var stream = await response.Content.ReadAsStreamAsync(either.Token);
            var answer = await GrpcFrames.ReadAsync(stream, either.Token);

            // The trailers come when everything before them was read.
            while (answer is not null && await GrpcFrames.ReadAsync(stream, either.Token) is not null)
            {
            }

            GrpcFrames.CheckStatus(response, isComplete: true);
            return answer is null ? throw new GrpcException(GrpcStatus.Unknown, "the answer is empty") : method.Parser.ParseFrom(answer);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException e) when (late.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatus.DeadlineExceeded, $"it does not answer within {timeout.TotalMilliseconds:0} ms", inner: e);
        }
        catch (Exception e) when (e is not GrpcException)
        {
            throw Broken(e);
        }
    }

    /// <summary>Opens a stream of messages both ways.</summary>
    public GrpcStream<TResponse> Open<TResponse>(GrpcMethod<TResponse> method)
        where TResponse : IMessage<TResponse>
    {
        var stream = new GrpcStream<TResponse>(method.Parser);
        stream.Start(token => _http.SendAsync(NewRequest(method.Path, stream.Upload), token));
        return stream;
    }

    public void Dispose() => _http.Dispose();

    /// <summary>What it means that HTTP failed.</summary>
    internal static GrpcException Broken(Exception cause) => cause switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => new(
            GrpcStatus.Unavailable,
            cause.GetBaseException() is AuthenticationException { Message: var message } ? $"no TLS connection: {message}" : $"no TLS connection: {cause.GetBaseException().Message}",
            wasSent: false,
            cause),
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError } =>
            new(GrpcStatus.Unavailable, $"no connection: {cause.GetBaseException().Message}", wasSent: false, cause),
        InvalidProtocolBufferException => new(GrpcStatus.Internal, $"the answer cannot be read: {cause.Message}", inner: cause),
        _ when cause.GetBaseException() is ObjectDisposedException or OperationCanceledException => new(GrpcStatus.Unavailable, "it has closed the connection", inner: cause),
        _ => new(GrpcStatus.Unavailable, $"the connection is broken: {cause.GetBaseException().Message}", inner: cause),
    };

    private HttpRequestMessage NewRequest(string path, HttpContent content)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        return new HttpRequestMessage(HttpMethod.Post, new Uri(Address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
            Headers =
            {
                { "te", "trailers" },

                // A member that knows no leader says so at once, and ends its streams, instead of letting everybody wait.
                { "hasleader", "true" },
            },
        };
    }
}
