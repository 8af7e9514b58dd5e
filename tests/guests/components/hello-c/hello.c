// A component with wasi:http 0.2 in C: 200, `text/plain`, "hello from C".
//
// proxy.h is what `wit-bindgen c` makes of the world wasi:http/proxy.

#include <stdint.h>
#include <string.h>

#include "proxy.h"

static proxy_list_u8_t bytes(const char *text) {
    return (proxy_list_u8_t){(uint8_t *)text, strlen(text)};
}

void exports_wasi_http_incoming_handler_handle(
    exports_wasi_http_incoming_handler_own_incoming_request_t request,
    exports_wasi_http_incoming_handler_own_response_outparam_t answer) {
    wasi_http_types_incoming_request_drop_own(request);

    wasi_http_types_own_fields_t fields = wasi_http_types_constructor_fields();
    wasi_http_types_field_name_t name = {(uint8_t *)"content-type", strlen("content-type")};
    wasi_http_types_field_value_t value = {(uint8_t *)"text/plain", strlen("text/plain")};
    wasi_http_types_header_error_t header_error;
    wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &name, &value,
                                         &header_error);

    wasi_http_types_own_outgoing_response_t response =
        wasi_http_types_constructor_outgoing_response(fields);
    wasi_http_types_own_outgoing_body_t body;
    if (!wasi_http_types_method_outgoing_response_body(
            wasi_http_types_borrow_outgoing_response(response), &body)) {
        return;
    }
    wasi_http_types_result_own_outgoing_response_error_code_t ok = {.is_err = false,
                                                                    .val.ok = response};
    wasi_http_types_static_response_outparam_set(answer, &ok);

    wasi_http_types_own_output_stream_t stream;
    if (wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body),
                                                   &stream)) {
        proxy_list_u8_t content = bytes("hello from C\n");
        wasi_io_streams_stream_error_t stream_error;
        wasi_io_streams_method_output_stream_blocking_write_and_flush(
            wasi_io_streams_borrow_output_stream(stream), &content, &stream_error);
        wasi_io_streams_output_stream_drop_own(stream);
    }
    wasi_http_types_error_code_t body_error;
    wasi_http_types_static_outgoing_body_finish(body, NULL, &body_error);
}
